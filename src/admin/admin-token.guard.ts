import { createHash, timingSafeEqual } from 'node:crypto';
import { type CanActivate, type ExecutionContext, Injectable, Logger, NotFoundException } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { InjectMetric } from '@willsoto/nestjs-prometheus';
import type { FastifyRequest } from 'fastify';
import type { Counter } from 'prom-client';
import { DomainError } from '../common/errors/domain-error.js';
import { ClientAddress } from '../common/http/client-address.js';
import { requestContext } from '../common/http/request-context.js';
import type { Env } from '../config/env.schema.js';
import { FailureLimit } from './failure-limit.js';

/**
 * Lets through who presents ADMIN_TOKEN. Without the variable the routes do not exist, so that a deployment is never
 * open by mistake. The right token is never delayed, however often others have failed.
 */
@Injectable()
export class AdminTokenGuard implements CanActivate {
  private readonly logger = new Logger(AdminTokenGuard.name);
  private readonly expected: Buffer | undefined;
  private readonly failures = new FailureLimit();

  constructor(
    config: ConfigService<Env, true>,
    private readonly clientAddress: ClientAddress,
    @InjectMetric('admin_auth_failures_total') private readonly authFailures: Counter,
  ) {
    const token = config.get('ADMIN_TOKEN', { infer: true });
    this.expected = token === undefined ? undefined : digest(token);
  }

  canActivate(context: ExecutionContext): boolean {
    if (!this.expected) throw new NotFoundException();
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    // Hashed first, so that the comparison takes the same time for every length.
    if (timingSafeEqual(digest(bearerToken(request)), this.expected)) return true;
    this.authFailures.inc();
    const address = this.clientAddress.of(request);
    this.logger.warn('An admin request without the right token', { ...requestContext(request), address });
    const retryAfterSeconds = this.failures.failed(address, Date.now());
    if (retryAfterSeconds === undefined) {
      throw new DomainError('UNAUTHORIZED', { detail: 'Send the header Authorization: Bearer with the admin token.' });
    }
    throw new DomainError('TOO_MANY_FAILURES', {
      detail: 'Too many requests with a wrong token came from this address. Wait, then send the right one.',
      retryAfterSeconds,
    });
  }
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

const bearerToken = ({ headers }: FastifyRequest): string =>
  /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? '';
