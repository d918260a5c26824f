import { Injectable } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { InjectMetric } from '@willsoto/nestjs-prometheus';
import type { Counter } from 'prom-client';
import { BearerTokenGuard } from '../common/auth/bearer-token.guard.js';
import { ClientAddress } from '../common/http/client-address.js';
import type { Env } from '../config/env.schema.js';

/** ADMIN_TOKEN opens /admin. */
@Injectable()
export class AdminTokenGuard extends BearerTokenGuard {
  constructor(
    config: ConfigService<Env, true>,
    clientAddress: ClientAddress,
    @InjectMetric('admin_auth_failures_total') authFailures: Counter,
  ) {
    super('admin', config.get('ADMIN_TOKEN', { infer: true }), clientAddress, authFailures);
  }
}
