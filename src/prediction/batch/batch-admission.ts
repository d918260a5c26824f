import { Injectable } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { InjectMetric } from '@willsoto/nestjs-prometheus';
import type { FastifyRequest, onRequestHookHandler } from 'fastify';
import type { Counter } from 'prom-client';
import { DomainError } from '../../common/errors/domain-error.js';
import { startAtZero } from '../../common/metrics/start-at-zero.js';
import type { Env } from '../../config/env.schema.js';
import { isLarge } from './batch-size.js';

const RETRY_AFTER_SECONDS = 1;

/**
 * Bounds the large batches that are in memory, whether they are being received, wait, or are worked on.
 * It decides before the body is read: a refused batch costs nothing.
 */
@Injectable()
export class BatchAdmission {
  private readonly limit: number;
  private pending = 0;

  constructor(
    config: ConfigService<Env, true>,
    @InjectMetric('requests_shed_total') private readonly shed: Counter,
  ) {
    this.limit = config.get('BATCH_MAX_PENDING', { infer: true });
    startAtZero(shed, 'reason', ['large_batches']);
  }

  /** A Fastify hook, because Nest's guards run only after the body was read. */
  readonly onRequest: onRequestHookHandler = (request, reply, done) => {
    if (!isLarge(contentLength(request))) return done();
    if (this.pending >= this.limit) {
      this.shed.inc({ reason: 'large_batches' });
      return done(
        new DomainError('OVERLOADED', {
          detail: `As many large batches as this instance takes at a time (${this.limit}) are under way. Try again.`,
          retryAfterSeconds: RETRY_AFTER_SECONDS,
        }),
      );
    }
    this.pending++;
    // 'close' comes once, also when the client goes away before the reply.
    reply.raw.once('close', () => this.pending--);
    done();
  };
}

/** Unknown lengths (chunked bodies) count as large. */
function contentLength(request: FastifyRequest): number {
  const given = request.headers['content-length'];
  return given === undefined ? Infinity : Number(given);
}
