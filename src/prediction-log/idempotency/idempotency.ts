import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DomainError } from '../../common/errors/domain-error.js';
import { IDEMPOTENCY_KEY_HEADER } from '../../common/http/body-hash.js';
import { PredictionLog } from '../prediction-log.js';
import type { KeyedRequest } from '../prediction-record.js';
import { RequestOrigin } from '../request-origin.js';
import { idempotencyKey } from './idempotency-key.js';
import { IdempotencyRecords, isSameRequest, keyReused, type RecordedAnswer } from './idempotency-records.js';
import { inProgress } from './in-progress.js';
import type { RecordedBatch } from './recorded-batch.js';

const NO_BODY = new Uint8Array();

/**
 * `Idempotency-Key`: who repeats a request gets the answer that the first one got, and no second record.
 *
 * In a controller: `return this.idempotency.run(request, reply, (keyed) => this.service.answer(…, keyed))`, where `answer`
 * passes the key on with the entry that it records. The transaction that commits the entry claims the key: of requests that come
 * at the same time, on whichever instances, one is recorded, and the others get its answer.
 */
@Injectable()
export class Idempotency {
  /** Requests that this instance is answering, by their key and caller. */
  private readonly underWay = new Map<string, KeyedRequest>();

  constructor(
    private readonly log: PredictionLog,
    private readonly records: IdempotencyRecords,
    private readonly origin: RequestOrigin,
  ) {}

  /**
   * Answers a request, or repeats what was answered to the same one before, with `Idempotency-Replayed: true`.
   *
   * @param answer gets nothing for a request without Idempotency-Key
   * @param rewrite writes the reply of a batch anew; without it there are no batches
   * @throws DomainError INVALID_REQUEST, IDEMPOTENCY_UNSUPPORTED, IDEMPOTENCY_KEY_REUSED, IDEMPOTENCY_IN_PROGRESS or
   *   PREDICTION_LOG_UNAVAILABLE; what `answer` and `rewrite` throw
   */
  run<T>(
    request: FastifyRequest,
    reply: FastifyReply,
    answer: (keyed?: KeyedRequest) => Promise<T>,
    rewrite?: (batch: RecordedBatch) => Uint8Array,
  ): Promise<T | Uint8Array> {
    const header = request.headers[IDEMPOTENCY_KEY_HEADER];
    return header === undefined ? answer() : this.runWithKey(header, request, reply, answer, rewrite);
  }

  private async runWithKey<T>(
    header: string | readonly string[],
    request: FastifyRequest,
    reply: FastifyReply,
    answer: (keyed: KeyedRequest) => Promise<T>,
    rewrite?: (batch: RecordedBatch) => Uint8Array,
  ): Promise<T | Uint8Array> {
    const key = idempotencyKey(header);
    if (!this.log.enabled) throw unsupported();
    const keyed: KeyedRequest = {
      caller: this.origin.callerOf(request) ?? '',
      key,
      route: request.routeOptions.url!,
      bodyHash: request.bodyHash ?? NO_BODY,
    };
    // A key has no spaces.
    const name = `${key} ${keyed.caller}`;
    const other = this.underWay.get(name);
    if (other) throw isSameRequest(keyed, other) ? inProgress() : keyReused();
    this.underWay.set(name, keyed);
    try {
      const recorded = (await this.records.find(keyed)) ?? (await this.answerOnce(keyed, answer));
      if ('answer' in recorded) return recorded.answer;
      const body = recorded instanceof Uint8Array ? recorded : rewrite!(recorded);
      void reply.header('Idempotency-Replayed', 'true').type('application/json; charset=utf-8');
      return body;
    } finally {
      this.underWay.delete(name);
    }
  }

  /** @returns the answer, or what was recorded where another instance was faster */
  private async answerOnce<T>(
    keyed: KeyedRequest,
    answer: (keyed: KeyedRequest) => Promise<T>,
  ): Promise<{ answer: T } | RecordedAnswer> {
    try {
      return { answer: await answer(keyed) };
    } catch (error) {
      if (!(error instanceof DomainError && error.code === 'IDEMPOTENCY_IN_PROGRESS')) throw error;
      const recorded = await this.records.find(keyed);
      if (!recorded) throw error;
      return recorded;
    }
  }
}

const unsupported = () =>
  new DomainError('IDEMPOTENCY_UNSUPPORTED', {
    detail: 'This service records nothing (PREDICTION_LOG=off), so it cannot know a key again. Send none.',
  });
