import { Injectable, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DomainError } from '../../common/errors/domain-error.js';
import { IDEMPOTENCY_KEY_HEADER } from '../../common/http/body-hash.js';
import { PredictionLog } from '../prediction-log.js';
import { RequestOrigin } from '../request-origin.js';
import { idempotencyKey } from './idempotency-key.js';
import { type IdempotencyClaim, IdempotencyRecords } from './idempotency-records.js';

const NO_BODY = new Uint8Array();

/**
 * `Idempotency-Key`: who repeats a request gets the answer that the first one got, and no second record.
 *
 * In a controller: `return this.idempotency.run(request, reply, (claim) => this.service.answer(…, claim))`, where `answer`
 * passes the claim on with the entry that it records.
 */
@Injectable()
export class Idempotency {
  private readonly logger = new Logger(Idempotency.name);

  constructor(
    private readonly log: PredictionLog,
    private readonly records: IdempotencyRecords,
    private readonly origin: RequestOrigin,
  ) {}

  /**
   * Answers a request, or repeats what was answered to the same one before, with `Idempotency-Replayed: true`.
   *
   * @param answer its claim is undefined for a request without Idempotency-Key
   * @throws DomainError INVALID_REQUEST, IDEMPOTENCY_UNSUPPORTED, IDEMPOTENCY_KEY_REUSED, IDEMPOTENCY_IN_PROGRESS or
   *   PREDICTION_LOG_UNAVAILABLE; what `answer` throws
   */
  run<T>(
    request: FastifyRequest,
    reply: FastifyReply,
    answer: (claim?: IdempotencyClaim) => Promise<T>,
  ): Promise<T | Uint8Array> {
    const header = request.headers[IDEMPOTENCY_KEY_HEADER];
    return header === undefined ? answer() : this.runWithKey(header, request, reply, answer);
  }

  private async runWithKey<T>(
    header: string | readonly string[],
    request: FastifyRequest,
    reply: FastifyReply,
    answer: (claim: IdempotencyClaim) => Promise<T>,
  ): Promise<T | Uint8Array> {
    const key = idempotencyKey(header);
    if (!this.log.enabled) throw unsupported();
    const caller = this.origin.callerOf(request) ?? '';
    const begun = await this.records.begin(caller, key, {
      route: request.routeOptions.url!,
      bodyHash: request.bodyHash ?? NO_BODY,
    });
    if ('claim' in begun) return this.answerOnce(begun, answer);
    void reply.header('Idempotency-Replayed', 'true').type('application/json; charset=utf-8');
    return begun.response;
  }

  private async answerOnce<T>(claim: IdempotencyClaim, answer: (claim: IdempotencyClaim) => Promise<T>): Promise<T> {
    try {
      return await answer(claim);
    } catch (error) {
      const released = this.records.release(claim).catch((reason: unknown) => {
        this.logger.warn('An Idempotency-Key stays claimed for some seconds', { reason: String(reason) });
      });
      // Where PostgreSQL is away, who is told so does not wait for it once more.
      const isAway = error instanceof DomainError && error.code === 'PREDICTION_LOG_UNAVAILABLE';
      if (!isAway) await released;
      throw error;
    }
  }
}

const unsupported = () =>
  new DomainError('IDEMPOTENCY_UNSUPPORTED', {
    detail: 'This service records nothing (PREDICTION_LOG=off), so it cannot know a key again. Send none.',
  });
