import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import type { Env } from '../config/env.schema.js';
import { clientOptions } from '../database/client-options.js';
import { ChainHeads } from './chain/chain-heads.js';
import { eraseAgain } from './erase-again.js';
import { lockErasures } from './erasure-lock.js';
import { claimForBatch } from './idempotency/claim-for-batch.js';
import { PredictionLog } from './prediction-log.js';
import type { LogEntry } from './prediction-record.js';
import { GroupLane } from './writer/group-lane.js';
import { GroupWriter } from './writer/group-writer.js';
import { LogConnection } from './writer/log-connection.js';
import { logFull } from './writer/log-failures.js';
import { ERASURE_OVERLAP_MS, PendingEntries } from './writer/pending-entries.js';
import { PredictionLogMetrics } from './writer/prediction-log-metrics.js';
import { type ChainTransaction, TransactionWriter } from './writer/transaction-writer.js';

/** PREDICTION_LOG_DURABILITY=committed: an answer is given once PostgreSQL has committed it. */
@Injectable()
export class CommittedLog extends PredictionLog implements OnApplicationShutdown {
  override readonly enabled = true;
  private readonly entries = new PendingEntries();
  private readonly groups: GroupWriter;
  private readonly batches: TransactionWriter;
  /** Outcomes and erasures. An erasure may wait long for its lock, or have many rows: batches do not wait for it. */
  private readonly transactions: TransactionWriter;
  private readonly queueMaxRows: number;
  private readonly chainKey: string;

  constructor(
    config: ConfigService<Env, true>,
    private readonly heads: ChainHeads,
    private readonly metrics: PredictionLogMetrics,
  ) {
    super();
    this.queueMaxRows = config.get('PREDICTION_LOG_QUEUE_MAX', { infer: true });
    const commitTimeoutMs = config.get('PREDICTION_LOG_COMMIT_TIMEOUT_MS', { infer: true });
    const connection = () => new LogConnection(clientOptions(config));
    this.chainKey = config.get('PREDICTION_LOG_CHAIN_KEY', { infer: true })!;
    const lanes = Array.from(
      { length: config.get('PREDICTION_LOG_WRITERS', { infer: true }) },
      () => new GroupLane(connection(), heads, this.entries, metrics, this.chainKey),
    );
    this.groups = new GroupWriter(this.entries, lanes, metrics, commitTimeoutMs);
    const transactionWriter = () => new TransactionWriter(connection(), heads, metrics, commitTimeoutMs);
    this.batches = transactionWriter();
    this.transactions = transactionWriter();
    metrics.observeQueue(() => this.rows);
  }

  /** Whether PostgreSQL is likely to take what it is given now. */
  get isAvailable(): boolean {
    return this.groups.isAvailable;
  }

  /** Entries whose wait has ended while it is not known yet whether they were committed. */
  get unresolved(): number {
    return this.entries.unresolved + this.batches.unresolved;
  }

  override record(entry: LogEntry): Promise<void> {
    if (this.rows + entry.rows.length > this.queueMaxRows) {
      this.metrics.failed('full');
      return Promise.reject(logFull());
    }
    return entry.batchId === null ? this.groups.record(entry) : this.recordBatch(entry);
  }

  override transaction<T>(action: (transaction: ChainTransaction) => Promise<T>): Promise<T> {
    return this.transactions.write(action);
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.groups.close(), this.batches.close(), this.transactions.close()]);
    this.heads.announce();
  }

  /** Rows that were written late may be of subjects that were erased meanwhile. */
  private async recordBatch(entry: LogEntry): Promise<void> {
    const lateAfterMs = performance.now() + ERASURE_OVERLAP_MS;
    await this.batches.record(entry, (transaction) => claimForBatch(entry, transaction));
    if (performance.now() <= lateAfterMs || entry.rows.every(({ reference }) => reference === null)) return;
    await this.batches.write(async (transaction) => {
      await lockErasures(transaction, 'shared');
      await eraseAgain(entry.rows, transaction, this.chainKey);
    });
  }

  private get rows(): number {
    return this.entries.rows + this.batches.rows;
  }
}
