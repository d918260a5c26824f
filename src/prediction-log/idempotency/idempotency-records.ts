import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { DomainError } from '../../common/errors/domain-error.js';
import type { Env } from '../../config/env.schema.js';
import { Database } from '../../database/database.js';
import { REPLICATE } from '../../database/replication.js';
import type { KeyedRequest } from '../prediction-record.js';
import { inProgress } from './in-progress.js';
import { LEASE, VALIDITY } from './key-claims.js';
import { type BatchRecord, type RecordedBatch, readBatch } from './recorded-batch.js';

/** What was answered when a key was used before: the reply's body, or what it can be written anew from. */
export type RecordedAnswer = Uint8Array | RecordedBatch;

/** Queries under way at a time: one that PostgreSQL does not answer must not hold up the others. */
const MAX_LOOK_UPS = 2;
/** Bounds a query's size. */
const MAX_KEYS = 512;
const RETRY_AFTER_SECONDS = 1;

/** Times are those of PostgreSQL's clock. The release before claimed keys before it answered, and the one before that noted no route. */
const FIND = `
  SELECT k.position, r.route, r.body_hash AS "bodyHash", r.response, r.entry_id AS "entryId", r.answer_format AS format,
    r.first_id AS "firstId", r.last_id AS "lastId", r.row_count AS "rowCount",
    r.claimed_at < now() - interval '${LEASE}' AS "isOld"
  FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k (caller, key, position)
  JOIN idempotency_records r USING (caller, key)
  WHERE r.claimed_at >= now() - interval '${VALIDITY}'`;

interface StoredKey {
  /** From 1, in the order of the parameters. */
  position: string;
  route: string | null;
  bodyHash: Buffer;
  response: Buffer | null;
  entryId: string | null;
  format: number | null;
  firstId: string;
  lastId: string;
  rowCount: number;
  isOld: boolean;
}

interface LookUp {
  request: KeyedRequest;
  resolve: (found: StoredKey | undefined) => void;
  reject: (error: Error) => void;
}

/**
 * Which keys were used, by whom, with which body, and what was answered. Keys that are asked for at the same time are looked up
 * with one query. It waits for no transaction.
 */
@Injectable()
export class IdempotencyRecords {
  private readonly logger = new Logger(IdempotencyRecords.name);
  private readonly timeoutMs: number;
  private readonly waiting: LookUp[] = [];
  private lookUps = 0;

  constructor(
    private readonly database: Database,
    config: ConfigService<Env, true>,
  ) {
    this.timeoutMs = config.get('PREDICTION_LOG_COMMIT_TIMEOUT_MS', { infer: true });
  }

  /**
   * @returns what was answered when the key was used before; undefined for a key that is free
   * @throws DomainError IDEMPOTENCY_KEY_REUSED; IDEMPOTENCY_IN_PROGRESS; PREDICTION_LOG_UNAVAILABLE, also when PostgreSQL says
   *   nothing for PREDICTION_LOG_COMMIT_TIMEOUT_MS
   */
  async find(request: KeyedRequest): Promise<RecordedAnswer | undefined> {
    const stored = await this.stored(request);
    if (!stored) return undefined;
    if (!isSameRequest(request, stored)) throw keyReused();
    // It may be on this server alone, and a repetition tells the client of it.
    if (stored.response || isBatch(stored)) await this.inTime(this.query(REPLICATE, []));
    if (stored.response) return stored.response;
    if (isBatch(stored)) return readBatch(stored, (sql, values = []) => this.inTime(this.query(sql, values)));
    // An instance of the release before is answering it, or has died.
    if (!stored.isOld) throw inProgress();
    return undefined;
  }

  private stored(request: KeyedRequest): Promise<StoredKey | undefined> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ request, resolve, reject });
      // Once all requests have been read that have come by now.
      if (this.waiting.length === 1) setImmediate(() => this.lookUp());
    });
  }

  private lookUp(): void {
    if (this.waiting.length === 0 || this.lookUps === MAX_LOOK_UPS) return;
    const looked = this.waiting.splice(0, MAX_KEYS);
    this.lookUps++;
    void this.lookUpAll(looked).finally(() => {
      this.lookUps--;
      this.lookUp();
    });
  }

  private async lookUpAll(looked: readonly LookUp[]): Promise<void> {
    try {
      const parameters = [looked.map(({ request }) => request.caller), looked.map(({ request }) => request.key)];
      const found = await this.inTime(this.query<StoredKey>(FIND, parameters));
      const byPosition = new Map(found.map((stored) => [Number(stored.position), stored]));
      for (const [i, { resolve }] of looked.entries()) resolve(byPosition.get(i + 1));
    } catch (error) {
      for (const { reject } of looked) reject(error as Error);
    }
  }

  private async inTime<T>(query: Promise<T>): Promise<T> {
    const timeout = new AbortController();
    const late = delay(this.timeoutMs, undefined, timeout).then(() => {
      this.logger.error('Idempotency keys cannot be looked up', { reason: 'PostgreSQL says nothing' });
      throw unavailable();
    });
    query.catch(() => undefined);
    try {
      return await Promise.race([query, late]);
    } finally {
      timeout.abort();
    }
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

export const isSameRequest = (
  request: KeyedRequest,
  { route, bodyHash }: { route: string | null; bodyHash: Uint8Array },
): boolean => (route ?? request.route) === request.route && Buffer.compare(request.bodyHash, bodyHash) === 0;

const isBatch = (stored: StoredKey): stored is StoredKey & BatchRecord =>
  stored.format !== null && stored.entryId !== null;

const unavailable = (cause?: unknown) =>
  new DomainError('PREDICTION_LOG_UNAVAILABLE', {
    detail: 'Whether the Idempotency-Key was used before cannot be seen at the moment. Try again.',
    retryAfterSeconds: RETRY_AFTER_SECONDS,
    cause,
  });

export const keyReused = (): DomainError =>
  new DomainError('IDEMPOTENCY_KEY_REUSED', {
    detail:
      'This Idempotency-Key came with another body, or to another path, in the last 24 hours. Use a new key for a new request.',
  });
