import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { DomainError } from '../../common/errors/domain-error.js';
import type { Env } from '../../config/env.schema.js';
import { Database } from '../../database/database.js';
import type { IdempotentAnswer } from '../prediction-record.js';
import { inProgress } from './in-progress.js';

/** What a key is for. */
export interface KeyedRequest {
  /** Its path, such as `/predict`. */
  route: string;
  /** SHA-256 of its body. */
  bodyHash: Uint8Array;
}

/** The right of one request to answer for a key. */
export type IdempotencyClaim = Omit<IdempotentAnswer, 'response'>;

interface Found {
  isSameRequest: boolean;
  response: Buffer | null;
}

/** The claim, or what was answered when the key was used before. */
type Begun = IdempotencyClaim | { response: Uint8Array };

/**
 * A claim that is older and has no answer was left behind by a process that died. (If it was not, its answer is refused: see
 * `storeAnswer`.)
 */
const LEASE = '30 seconds';
/** For how long a key is known. */
export const VALIDITY = '24 hours';
/** What is in the way can vanish before it is looked at, because it expired or its request failed. */
const MAX_ATTEMPTS = 5;
const RETRY_AFTER_SECONDS = 1;

/** The release before noted no route. */
const IS_SAME_REQUEST = `coalesce(record.route = $3, true) AND record.body_hash = $4`;

/**
 * PostgreSQL decides between requests that come at the same time, on whichever instances: the first one inserts its claim,
 * and the others find it in their way. Times are those of PostgreSQL's clock.
 */
const CLAIM = `
  INSERT INTO idempotency_records AS record (caller, key, route, body_hash, claim) VALUES ($1, $2, $3, $4, $5)
  ON CONFLICT (caller, key) DO UPDATE
    SET route = excluded.route, body_hash = excluded.body_hash, claim = excluded.claim, claimed_at = now(),
      entry_id = NULL, response = NULL
    WHERE record.claimed_at < now() - interval '${VALIDITY}'
      OR (record.response IS NULL AND ${IS_SAME_REQUEST} AND record.claimed_at < now() - interval '${LEASE}')
  RETURNING claim`;

const FIND = `
  SELECT ${IS_SAME_REQUEST} AS "isSameRequest", response FROM idempotency_records AS record WHERE caller = $1 AND key = $2`;

const RELEASE = `DELETE FROM idempotency_records WHERE caller = $1 AND key = $2 AND claim = $3 AND response IS NULL`;

/** Which keys were used, by whom, with which body, and what was answered. */
@Injectable()
export class IdempotencyRecords {
  private readonly logger = new Logger(IdempotencyRecords.name);

  private readonly timeoutMs: number;

  constructor(
    private readonly database: Database,
    config: ConfigService<Env, true>,
  ) {
    this.timeoutMs = config.get('PREDICTION_LOG_COMMIT_TIMEOUT_MS', { infer: true });
  }

  /**
   * Claims a key, or finds what was answered when it was used before.
   *
   * @param caller keys of different callers have nothing to do with each other
   * @throws DomainError IDEMPOTENCY_KEY_REUSED, IDEMPOTENCY_IN_PROGRESS or PREDICTION_LOG_UNAVAILABLE, the latter also when
   *   PostgreSQL has said nothing for PREDICTION_LOG_COMMIT_TIMEOUT_MS
   */
  async begin(caller: string, key: string, request: KeyedRequest): Promise<Begun> {
    const begun = this.claimOrFind(caller, key, request);
    const timeout = new AbortController();
    const late = delay(this.timeoutMs, undefined, timeout).then(() => {
      this.logger.error('Idempotency keys cannot be looked up', { reason: 'PostgreSQL says nothing' });
      void giveBack(begun, this);
      throw unavailable();
    });
    try {
      return await Promise.race([begun, late]);
    } finally {
      timeout.abort();
    }
  }

  private async claimOrFind(caller: string, key: string, { route, bodyHash }: KeyedRequest): Promise<Begun> {
    const claim = randomUUID();
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const claimed = await this.query(CLAIM, [caller, key, route, bodyHash, claim]);
      if (claimed.length > 0) return { caller, key, claim };
      const [found] = await this.query<Found>(FIND, [caller, key, route, bodyHash]);
      if (!found) continue;
      if (!found.isSameRequest) throw keyReused();
      if (found.response) return { response: found.response };
      throw inProgress();
    }
    throw inProgress();
  }

  /**
   * Gives a key back after its request failed, so that it may be tried again, for another request too. A key whose answer was
   * committed after all keeps it.
   *
   * @throws DomainError PREDICTION_LOG_UNAVAILABLE; the claim then ends with its lease
   */
  async release({ caller, key, claim }: IdempotencyClaim): Promise<void> {
    await this.query(RELEASE, [caller, key, claim]);
  }

  private async query<Row>(sql: string, parameters: unknown[]): Promise<Row[]> {
    const dataSource = await this.database.dataSource();
    try {
      return await dataSource.query<Row[]>(sql, parameters);
    } catch (cause) {
      this.logger.error('Idempotency keys cannot be looked up', { reason: String(cause) });
      throw unavailable(cause);
    }
  }
}

/** A claim that comes too late for its request must not be in the way of the next try until its lease ends. */
async function giveBack(begun: Promise<Begun>, records: IdempotencyRecords): Promise<void> {
  try {
    const late = await begun;
    if ('claim' in late) await records.release(late);
  } catch {
    // It was told where it failed, and the lease ends.
  }
}

const unavailable = (cause?: unknown) =>
  new DomainError('PREDICTION_LOG_UNAVAILABLE', {
    detail: 'Whether the Idempotency-Key was used before cannot be seen at the moment. Try again.',
    retryAfterSeconds: RETRY_AFTER_SECONDS,
    cause,
  });

const keyReused = () =>
  new DomainError('IDEMPOTENCY_KEY_REUSED', {
    detail:
      'This Idempotency-Key came with another body, or to another path, in the last 24 hours. Use a new key for a new request.',
  });
