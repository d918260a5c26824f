import { Injectable } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { InjectMetric } from '@willsoto/nestjs-prometheus';
import type { Counter } from 'prom-client';
import { BearerTokenGuard } from '../../common/auth/bearer-token.guard.js';
import { ClientAddress } from '../../common/http/client-address.js';
import type { Env } from '../../config/env.schema.js';

/** AUDIT_TOKEN opens /predictions. With PREDICTION_LOG=off there is nothing behind it, and it opens nothing. */
@Injectable()
export class AuditTokenGuard extends BearerTokenGuard {
  constructor(
    config: ConfigService<Env, true>,
    clientAddress: ClientAddress,
    @InjectMetric('audit_auth_failures_total') authFailures: Counter,
  ) {
    const isOn = config.get('PREDICTION_LOG', { infer: true }) === 'on';
    super('audit', isOn ? config.get('AUDIT_TOKEN', { infer: true }) : undefined, clientAddress, authFailures);
  }
}
