import { createHash, timingSafeEqual } from 'node:crypto';
import { type CanActivate, type ExecutionContext, Logger, NotFoundException } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Counter } from 'prom-client';
import { DomainError } from '../errors/domain-error.js';
import type { ClientAddress } from '../http/client-address.js';
import { requestContext } from '../http/request-context.js';
import { FailureLimit } from './failure-limit.js';

/**
 * Lets through who presents a token. Without one in the configuration the routes do not exist, so that a deployment is
 * never open by mistake. The right token is never delayed, however often others have failed.
 */
export abstract class BearerTokenGuard implements CanActivate {
  private readonly logger = new Logger(this.constructor.name);
  private readonly expected: Buffer | undefined;
  private readonly failures = new FailureLimit();

  /** @param tokenName what the token is called in messages: `admin` */
  constructor(
    private readonly tokenName: string,
    token: string | undefined,
    private readonly clientAddress: ClientAddress,
    private readonly authFailures: Counter,
  ) {
    this.expected = token === undefined ? undefined : digest(token);
  }

  canActivate(context: ExecutionContext): boolean {
    if (!this.expected) throw new NotFoundException();
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    // Hashed first, so that the comparison takes the same time for every length.
    if (timingSafeEqual(digest(bearerToken(request)), this.expected)) return true;
    this.authFailures.inc();
    const address = this.clientAddress.of(request);
    this.logger.warn(`A request without the right ${this.tokenName} token`, { ...requestContext(request), address });
    const retryAfterSeconds = this.failures.failed(address, Date.now());
    if (retryAfterSeconds === undefined) {
      throw new DomainError('UNAUTHORIZED', {
        detail: `Send the header Authorization: Bearer with the ${this.tokenName} token.`,
      });
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
