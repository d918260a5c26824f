import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { DomainError } from '../common/errors/domain-error.js';
import type { ErrorCode } from '../common/errors/error-codes.js';
import type { Env } from '../config/env.schema.js';
import { CommittedLog } from './committed-log.js';
import { PredictionLog } from './prediction-log.js';
import type { LogEntry } from './prediction-record.js';
import { Spool } from './spool/spool.js';
import type { SpooledEntryWriter } from './spool/spooled-entry-writer.js';
import type { PredictionLogMetrics } from './writer/prediction-log-metrics.js';
import type { ChainTransaction } from './writer/transaction-writer.js';

const DRAIN_EVERY_MS = 500;
const SPOOL_INSTEAD: ReadonlySet<ErrorCode> = new Set(['PREDICTION_LOG_UNAVAILABLE', 'PREDICTION_LOG_FULL'] as const);

/**
 * PREDICTION_LOG_DURABILITY=spooled: an answer is given once PostgreSQL has committed it, or, where that takes too long,
 * once it is on the local disk, from where it flows into PostgreSQL later.
 */
@Injectable()
export class SpooledLog extends PredictionLog implements OnModuleInit, OnApplicationShutdown {
  override readonly enabled = true;
  private readonly logger = new Logger(SpooledLog.name);
  private readonly spool: Spool;
  private timer: NodeJS.Timeout | undefined;
  private draining: Promise<void> | undefined;
  private closed = false;

  constructor(
    config: ConfigService<Env, true>,
    private readonly committed: CommittedLog,
    private readonly spooledEntries: SpooledEntryWriter,
    metrics: PredictionLogMetrics,
  ) {
    super();
    this.spool = new Spool(
      config.get('PREDICTION_LOG_SPOOL_DIR', { infer: true }),
      config.get('PREDICTION_LOG_SPOOL_MAX_BYTES', { infer: true }),
      metrics,
    );
    metrics.observeSpool(() => ({ bytes: this.spool.bytes, oldestAt: this.spool.oldestAt }));
  }

  /** @throws Error that names PREDICTION_LOG_SPOOL_DIR when it cannot be written to */
  async onModuleInit(): Promise<void> {
    await this.spool.open();
    this.scheduleDrain();
  }

  override async record(entry: LogEntry): Promise<void> {
    // The promise of an Idempotency-Key holds across replicas, which a local disk cannot keep.
    if (entry.idempotency) return this.committed.record(entry);
    if (!this.committed.isAvailable) return this.spool.append(entry);
    try {
      await this.committed.record(entry);
    } catch (error) {
      if (!(error instanceof DomainError && SPOOL_INSTEAD.has(error.code))) throw error;
      await this.spool.append(entry);
    }
  }

  override transaction<T>(action: (transaction: ChainTransaction) => Promise<T>): Promise<T> {
    return this.committed.transaction(action);
  }

  async onApplicationShutdown(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.draining;
    await this.committed.onApplicationShutdown();
    await this.spooledEntries.close();
    await this.spool.close();
  }

  private scheduleDrain(): void {
    if (this.closed) return;
    this.timer = setTimeout(() => {
      this.draining = this.drain().finally(() => this.scheduleDrain());
    }, DRAIN_EVERY_MS).unref();
  }

  /**
   * Waits while something is in flight that was spooled meanwhile: what is spooled and what is in flight must not be written
   * at the same time, or a row would be part of two chains.
   */
  private async drain(): Promise<void> {
    try {
      await this.spool.adopt();
      const { bytes } = this.spool;
      if (bytes === 0 || !this.committed.isAvailable) return;
      const drained = await this.spool.drain(
        (entries, setAside) => this.write(entries, setAside),
        () => this.committed.unresolved === 0,
      );
      if (drained) this.logger.log('What was spooled is in PostgreSQL', { bytes });
    } catch (error) {
      if (this.closed) return;
      this.logger.warn('The spool could not be emptied; trying again', { reason: (error as Error).message });
    }
  }

  private async write(entries: readonly LogEntry[], setAside: (entry: LogEntry) => Promise<void>): Promise<void> {
    if (this.closed) throw new Error('The service shuts down; what is spooled stays for the next one.');
    await this.spooledEntries.write(entries, setAside);
  }
}
