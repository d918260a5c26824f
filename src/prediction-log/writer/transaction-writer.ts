import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { QueryConfig, QueryResult } from 'pg';
import { DomainError } from '../../common/errors/domain-error.js';
import type { ChainHeads } from '../chain/chain-heads.js';
import type { ChainGroup, ChainKind, ChainWriter } from '../chain/chain-writer.js';
import type { LogEntry } from '../prediction-record.js';
import { chainedRow } from './chained-row.js';
import { isRefusal, type LogConnection } from './log-connection.js';
import { logUnavailable, notRecorded } from './log-failures.js';
import type { PredictionLogMetrics } from './prediction-log-metrics.js';
import { insertPredictions } from './statements.js';

/** Rows of a batch that go in one statement: hashing them holds the event loop for about a millisecond. */
export const ROWS_PER_STATEMENT = 250;
const RETRY_MS = 100;

/** A transaction whose writes are linked to a chain. */
export interface ChainTransaction {
  query(statement: QueryConfig | string): Promise<QueryResult>;
  /** Makes sure that a scoring context is there before rows name it. */
  ensureContext: LogConnection['ensureContexts'];
  /** The chain's next group, of these rows in the order of `group_index`. Writing it is up to the caller. */
  link(kind: ChainKind, rows: readonly { id: string; hash: Uint8Array }[]): ChainGroup;
}

/**
 * One connection with a chain of its own for what takes more than a statement: batches, answers to Idempotency-Keys,
 * outcomes, erasures. One transaction at a time, in the order in which they were asked for; single predictions have lanes
 * of their own and do not wait for these.
 */
export class TransactionWriter {
  private readonly logger = new Logger(TransactionWriter.name);
  private chain: ChainWriter;
  private last: Promise<unknown> = Promise.resolve();
  private lastProgressAt = -Infinity;
  private waitingRows = 0;
  private closed = false;

  constructor(
    private readonly connection: LogConnection,
    private readonly heads: ChainHeads,
    private readonly metrics: PredictionLogMetrics,
    private readonly commitTimeoutMs: number,
  ) {
    this.chain = heads.newWriter();
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
  async record(entry: LogEntry, also: (transaction: ChainTransaction) => Promise<void>): Promise<void> {
    this.waitingRows += entry.rows.length;
    try {
      await this.write(async (transaction) => {
        const startedAt = performance.now();
        await transaction.ensureContext([entry.context]);
        for (let from = 0; from < entry.rows.length; from += ROWS_PER_STATEMENT) {
          const rows = entry.rows.slice(from, from + ROWS_PER_STATEMENT).map((row) => chainedRow(entry, row));
          await transaction.query(insertPredictions(transaction.link('prediction', rows), rows));
        }
        await also(transaction);
        this.metrics.groupWritten(entry.rows.length, performance.now() - startedAt);
      });
    } finally {
      this.waitingRows -= entry.rows.length;
    }
  }

  /**
   * Runs `action` in a transaction, which commits when it returns. It waits its turn as long as those before it get on.
   *
   * @throws DomainError that `action` throws; PREDICTION_NOT_RECORDED when PostgreSQL refuses a row;
   *   PREDICTION_LOG_UNAVAILABLE when PostgreSQL is away or nothing has moved for PREDICTION_LOG_COMMIT_TIMEOUT_MS, and then
   *   it may have been committed all the same
   */
  write<T>(action: (transaction: ChainTransaction) => Promise<T>): Promise<T> {
    const stalled = new AbortController();
    const outcome = this.last.then(() => this.run(action, stalled.signal));
    this.last = outcome.catch(() => undefined);
    return this.unlessStalled(outcome, stalled);
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.last;
    await this.connection.close();
  }

  private async run<T>(action: (transaction: ChainTransaction) => Promise<T>, stalled: AbortSignal): Promise<T> {
    await this.begin(stalled);
    let newest: ChainGroup | undefined;
    let committing = false;
    try {
      const result = await action({
        query: (statement) => this.query(statement),
        ensureContext: (contexts) => this.connection.ensureContexts(contexts),
        link: (kind, rows) => (newest = this.chain.link(kind, rows, newest)),
      });
      committing = true;
      await this.query('COMMIT');
      if (newest) this.chain.committed(newest);
      return result;
    } catch (error) {
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
        await this.query('BEGIN');
        return;
      } catch (error) {
        this.metrics.failed('connection');
        this.logger.warn('No transaction can be begun in the prediction log; trying again', { reason: String(error) });
        await delay(RETRY_MS, undefined, { signal: stalled }).catch(() => undefined);
      }
    }
  }

  private async query(statement: QueryConfig | string): Promise<QueryResult> {
    const result = await this.connection.query(statement);
    this.lastProgressAt = performance.now();
    return result;
  }

  private async failure(error: unknown, committing: boolean): Promise<DomainError> {
    // Whether the group became part of the chain is not known, so the chain ends here and another one begins.
    if (committing) this.chain = this.heads.newWriter();
    await this.rollBack();
    const sqlState = (error as { code?: string }).code;
    if (isRefusal(error)) {
      this.metrics.failed('refused');
      this.logger.error('PostgreSQL refuses what was to be recorded', { sqlState, constraint: error.constraint });
      return notRecorded();
    }
    this.metrics.failed('connection');
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
        reject(logUnavailable());
      };
      let timer = setTimeout(check, this.commitTimeoutMs);
      outcome.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }
}
