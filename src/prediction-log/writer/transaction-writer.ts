import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { QueryConfig, QueryResult } from 'pg';
import { DomainError } from '../../common/errors/domain-error.js';
import type { ChainHeads } from '../chain/chain-heads.js';
import type { ChainGroup, ChainKind, ChainWriter } from '../chain/chain-writer.js';
import type { LogEntry } from '../prediction-record.js';
import { chainRows, idsOf, type LogRow, logRows } from './chained-rows.js';
import { isRefusal, type LogConnection } from './log-connection.js';
import { logUnavailable, notRecorded } from './log-failures.js';
import type { PredictionLogMetrics } from './prediction-log-metrics.js';

/** Rows of a batch that go in one statement: hashing them holds the event loop for about a millisecond. */
export const ROWS_PER_STATEMENT = 250;
const RETRY_MS = 100;

/** A transaction whose writes are linked to a chain. */
export interface ChainTransaction {
  query(statement: QueryConfig | string): Promise<QueryResult>;
  /**
   * Writes predictions as the chain's next group.
   *
   * @throws Error when some are in the table already: another transaction wrote them meanwhile, in a group of its own
   */
  insert(rows: readonly LogRow[]): Promise<void>;
  /** The chain's next group, of rows as `ChainWriter.link` takes them. Writing it is up to the caller. */
  link(kind: ChainKind, ids: readonly string[], hashes: Uint8Array): ChainGroup;
}

/**
 * One connection with a chain of its own for what takes more than a statement: batches with their Idempotency-Keys,
 * outcomes, erasures. One transaction at a time, in the order in which they were asked for; single predictions have lanes
 * of their own and do not wait for these.
 */
export class TransactionWriter {
  private readonly logger = new Logger(TransactionWriter.name);
  private chain: ChainWriter;
  private last: Promise<unknown> = Promise.resolve();
  private lastProgressAt = -Infinity;
  private waitingRows = 0;
  private stalledCount = 0;
  private closed = false;

  constructor(
    private readonly connection: LogConnection,
    private readonly heads: ChainHeads,
    private readonly metrics: PredictionLogMetrics,
    private readonly commitTimeoutMs: number,
  ) {
    this.chain = heads.newWriter();
  }

  /** Transactions that nobody waits for any more and that have not ended yet. */
  get unresolved(): number {
    return this.stalledCount;
  }

  /** Rows of entries that wait or are being written. */
  get rows(): number {
    return this.waitingRows;
  }

  /**
   * Records an entry, all rows or none; its rows go in several statements.
   *
   * @param also what else belongs to the transaction
   * @throws as {@link write}
   */
  record(entry: LogEntry, also: (transaction: ChainTransaction) => Promise<void>): Promise<void> {
    const { length } = entry.rows;
    const stalled = new AbortController();
    let startedAt = 0;
    const committed = this.enqueue(stalled.signal, async (transaction) => {
      startedAt = performance.now();
      const rows = logRows(entry);
      for (let from = 0; from < rows.length; from += ROWS_PER_STATEMENT) {
        await transaction.insert(rows.slice(from, from + ROWS_PER_STATEMENT));
      }
      await also(transaction);
    });
    const outcome = committed.then(() => this.metrics.groupWritten(length, performance.now() - startedAt));
    this.waitingRows += length;
    // They are held until then, also when nobody waits for it any more.
    const ended = () => void (this.waitingRows -= length);
    outcome.then(ended, ended);
    return this.unlessStalled(outcome, stalled);
  }

  /**
   * Runs `action` in a transaction, which commits when it returns. It waits its turn as long as those before it get on.
   *
   * @throws DomainError that `action` throws; PREDICTION_NOT_RECORDED when PostgreSQL refuses a row;
   *   PREDICTION_LOG_UNAVAILABLE when PostgreSQL is away or nothing has moved for PREDICTION_LOG_COMMIT_TIMEOUT_MS; it is
   *   rolled back then, unless its COMMIT was on its way
   */
  write<T>(action: (transaction: ChainTransaction) => Promise<T>): Promise<T> {
    const stalled = new AbortController();
    return this.unlessStalled(this.enqueue(stalled.signal, action), stalled);
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.last;
    await this.connection.close();
  }

  private enqueue<T>(stalled: AbortSignal, action: (transaction: ChainTransaction) => Promise<T>): Promise<T> {
    const outcome = this.last.then(() => this.run(action, stalled));
    this.last = outcome.catch(() => undefined);
    return outcome;
  }

  private async run<T>(action: (transaction: ChainTransaction) => Promise<T>, stalled: AbortSignal): Promise<T> {
    await this.begin(stalled);
    let newest: ChainGroup | undefined;
    let written = 0;
    let committing = false;
    const assertGoesOn = () => {
      // What nobody waits for any more may be in a spool, from where another transaction writes it.
      if (stalled.aborted) throw logUnavailable();
      // The next statement would open a new one, which is not in this transaction.
      if (!this.connection.isOpen) throw new Error('The connection broke within the transaction.');
    };
    try {
      const link = (kind: ChainKind, ids: readonly string[], hashes: Uint8Array) =>
        (newest = this.chain.link(kind, ids, hashes, newest));
      const result = await action({
        link,
        query: async (statement) => {
          assertGoesOn();
          return this.query(statement);
        },
        insert: async (rows) => {
          assertGoesOn();
          await this.connection.ensureContexts(rows);
          const chained = chainRows(rows);
          const group = link('prediction', idsOf(rows), chained.hashes);
          const rowCount = await this.progress(this.connection.insert(group, chained));
          if (rowCount !== rows.length) throw new Error('Another transaction wrote some of the rows meanwhile.');
          written += rowCount;
        },
      });
      assertGoesOn();
      committing = true;
      await this.query('COMMIT');
      if (newest) this.chain.committed(newest);
      this.metrics.rowsWritten(written);
      return result;
    } catch (error) {
      this.connection.forgetContexts();
      if (error instanceof DomainError) {
        await this.rollBack();
        throw error;
      }
      throw await this.failure(error, committing);
    }
  }

  /** Nothing has been done yet, so this may be tried until the one who asked has given up. */
  private async begin(stalled: AbortSignal): Promise<void> {
    for (;;) {
      if (stalled.aborted || this.closed) throw logUnavailable();
      try {
        await this.progress(this.connection.begin());
        return;
      } catch (error) {
        this.metrics.failed('connection', error);
        this.logger.warn('No transaction can be begun in the prediction log; trying again', { reason: String(error) });
        await delay(RETRY_MS, undefined, { signal: stalled }).catch(() => undefined);
      }
    }
  }

  private query(statement: QueryConfig | string): Promise<QueryResult> {
    return this.progress(this.connection.query(statement));
  }

  private async progress<T>(outcome: Promise<T>): Promise<T> {
    const result = await outcome;
    this.lastProgressAt = performance.now();
    return result;
  }

  private async failure(error: unknown, committing: boolean): Promise<DomainError> {
    // Whether the group became part of the chain is not known, so the chain ends here and another one begins.
    if (committing) {
      this.heads.end(this.chain);
      this.chain = this.heads.newWriter();
    }
    await this.rollBack();
    const sqlState = (error as { code?: string }).code;
    if (isRefusal(error)) {
      this.metrics.failed('refused');
      this.logger.error('PostgreSQL refuses what was to be recorded', { sqlState, constraint: error.constraint });
      return notRecorded();
    }
    this.metrics.failed('connection', error);
    this.logger.error('A transaction of the prediction log failed', { sqlState, reason: String(error), committing });
    return logUnavailable(error);
  }

  private async rollBack(): Promise<void> {
    if (this.connection.isOpen) await this.query('ROLLBACK').catch(() => undefined);
  }

  /** Ends the wait, though not the transaction, once nothing has moved for as long as a commit may take. */
  private unlessStalled<T>(outcome: Promise<T>, stalled: AbortController): Promise<T> {
    const queuedAt = performance.now();
    return new Promise((resolve, reject) => {
      const check = () => {
        const restMs = Math.max(queuedAt, this.lastProgressAt) + this.commitTimeoutMs - performance.now();
        if (restMs > 0) {
          timer = setTimeout(check, restMs);
          return;
        }
        this.metrics.failed('timeout');
        stalled.abort();
        this.stalledCount++;
        const ended = () => void this.stalledCount--;
        outcome.then(ended, ended);
        reject(logUnavailable());
      };
      let timer = setTimeout(check, this.commitTimeoutMs);
      outcome.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }
}
