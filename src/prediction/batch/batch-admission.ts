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

/** What a large batch in memory holds. */
interface Place {
  /** Those who need it still: its reply, until that is closed, and who works on its answer. */
  holders: number;
}

/**
 * Bounds the large batches that are in memory, whether they are being received, wait, or are worked on.
 * It decides before the body is read: a refused batch costs nothing.
 */
@Injectable()
export class BatchAdmission {
  private readonly limit: number;
  private readonly places = new WeakMap<FastifyRequest, Place>();
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
    const place = { holders: 1 };
    this.places.set(request, place);
    this.pending++;
    // 'close' comes once, also when the client goes away before the reply.
    reply.raw.once('close', () => this.release(place));
    done();
  };

  /** Keeps a large batch's place until it was answered: one whose client has gone waits and works all the same. */
  async answering<T>(request: FastifyRequest, answer: () => Promise<T>): Promise<T> {
    const place = this.places.get(request);
    if (!place || place.holders === 0) return answer();
    place.holders++;
    try {
      return await answer();
    } finally {
      this.release(place);
    }
  }

  private release(place: Place): void {
    if (--place.holders === 0) this.pending--;
  }
}

/** Unknown lengths (chunked bodies) count as large. */
function contentLength(request: FastifyRequest): number {
  const given = request.headers['content-length'];
  return given === undefined ? Infinity : Number(given);
}
