import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import type { Client } from 'pg';
import type { Config, Env } from '../../config/env.schema.js';
import { DATABASE_VARIABLES, directOptions } from '../../database/client-options.js';
import { openDirectClient } from '../../database/open-client.js';
import { type Query, queryOn } from '../../database/query.js';
import { assertSchemaIsCurrent } from '../../database/schema-check.js';
import { trySchemaLock } from '../../database/schema-lock.js';
import { attachDefaults } from './detach-partition.js';
import { deleteExpiredRecords } from './expired-records.js';
import { type MaintenanceEvents, MaintenanceMetrics, type MaintenanceTask } from './maintenance-metrics.js';
import { keptGroups } from './kept-erasures.js';
import { addMonths } from '../id-time.js';
import { ensurePartitions, firstDay, MONTHS_AHEAD, PARTITIONED_TABLES } from './partitions.js';
import { applyRetention } from './retention.js';

const FIRST_RUN_MS = 10_000;
const RUN_EVERY_MS = 24 * 3_600_000;
const RETRY_MS = 10 * 60_000;
/** Runs of many replicas must not arrive together: each waits between 0.9 and 1.1 of its time. */
const JITTER = 0.1;
/** For counting a month's rows. */
const STATEMENT_TIMEOUT_MS = 10 * 60_000;
/** How much longer than PostgreSQL's own limit a statement may take before its connection is given up as dead. */
const GRACE_MS = 10_000;
/** For ending what is under way. */
const BREAK_OFF_MS = 3000;

/** What a run depends on; a command reads these alone. */
export const MAINTENANCE_VARIABLES = [
  ...DATABASE_VARIABLES,
  'PREDICTION_LOG',
  'PREDICTION_LOG_CHAIN_KEY',
  'PREDICTION_LOG_MAINTENANCE',
  'PREDICTION_LOG_RETENTION_MONTHS',
] as const;

/** `all`, or what a role can do that has rights on rows and does not own the tables. */
export type MaintenanceScope = Env['PREDICTION_LOG_MAINTENANCE'];

/**
 * What the prediction log needs every day: partitions for the months to come, an eye on DEFAULT, an end to what has
 * expired. Every instance does it, one at a time; who comes second finds little left to do. `npm run log:maintain` does it
 * once.
 */
@Injectable()
export class Maintenance implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(Maintenance.name);
  private timer: NodeJS.Timeout | undefined;
  /** Of the run that is under way. */
  private client: Client | undefined;
  /** Its process in PostgreSQL. */
  private backend: number | undefined;
  private running: Promise<boolean> | undefined;
  private closed = false;

  constructor(
    @Inject(ConfigService) private readonly config: Config<(typeof MAINTENANCE_VARIABLES)[number]>,
    @Inject(MaintenanceMetrics) private readonly events: MaintenanceEvents,
  ) {}

  onApplicationBootstrap(): void {
    if (this.config.get('PREDICTION_LOG', { infer: true }) === 'on') this.schedule(FIRST_RUN_MS);
  }

  /** What is under way is broken off; the next run goes on with it. */
  async onApplicationShutdown(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    if (this.client) await this.breakOff(this.client);
    else await this.running;
  }

  /**
   * Does what is due. A task that fails is logged and counted, and the others are done nevertheless.
   *
   * @param scope what of it
   * @returns whether all was done, and not by somebody else at the same time
   */
  run(now: Date, scope: MaintenanceScope): Promise<boolean> {
    const running = this.runOnce(now, scope);
    this.running = running;
    return running;
  }

  private async runOnce(now: Date, scope: MaintenanceScope): Promise<boolean> {
    try {
      const client = await this.connect(STATEMENT_TIMEOUT_MS);
      this.client = client;
      if (this.closed) return false;
      const query = queryOn(client);
      await assertSchemaIsCurrent(query);
      const { isOurs, backend } = await trySchemaLock(query);
      this.backend = backend;
      return isOurs && (await this.doTasks(query, now, scope));
    } catch (error) {
      this.failed('connection', error);
      return false;
    } finally {
      await this.client?.end().catch(() => undefined);
      this.client = undefined;
      this.backend = undefined;
    }
  }

  /**
   * PostgreSQL goes on with a statement whose client has gone. So it is ended there, and DEFAULT put back, which would
   * otherwise be off until the next run, a day later perhaps.
   */
  private async breakOff(client: Client): Promise<void> {
    let other: Client | undefined;
    try {
      other = await this.connect(BREAK_OFF_MS);
      const query = queryOn(other);
      await query('SELECT pg_terminate_backend($1, $2)', [this.backend, BREAK_OFF_MS]);
      await client.end();
      await this.running;
      // Who has the lock by now began with the same.
      if ((await trySchemaLock(query)).isOurs) await attachDefaults(query);
    } catch (error) {
      this.logger.warn('Maintenance was broken off; what it has left off its table is put back by the next run', {
        reason: (error as Error).message,
      });
    } finally {
      await Promise.all([client.end(), other?.end()]).catch(() => undefined);
      await this.running;
    }
  }

  private connect(statementTimeoutMs: number): Promise<Client> {
    return openDirectClient({
      ...directOptions(this.config),
      statement_timeout: statementTimeoutMs,
      query_timeout: statementTimeoutMs + GRACE_MS,
    });
  }

  private async doTasks(query: Query, now: Date, scope: MaintenanceScope): Promise<boolean> {
    const tasks: [MaintenanceTask, MaintenanceScope, () => Promise<void>][] = [
      ['partitions', 'all', () => this.makePartitions(query, now)],
      ['default-partitions', 'rows', () => this.countDefaultPartitions(query, now)],
      ['idempotency-records', 'rows', () => this.deleteExpiredRecords(query)],
      ['retention', 'all', () => this.applyRetention(query, now)],
    ];
    let failures = 0;
    for (const [name, , task] of tasks.filter(([, needs]) => scope === 'all' || needs === scope)) {
      try {
        await task();
      } catch (error) {
        failures++;
        this.failed(name, error);
      }
    }
    if (failures === 0) this.events.succeeded(now);
    return failures === 0;
  }

  private async makePartitions(query: Query, now: Date): Promise<void> {
    await attachDefaults(query);
    const made = await ensurePartitions(query, now, 1 + MONTHS_AHEAD);
    if (made.length > 0) this.logger.log('Made partitions', { partitions: made });
  }

  private async countDefaultPartitions(query: Query, now: Date): Promise<void> {
    const kept = await keptGroups(
      query,
      addMonths(now, -this.config.get('PREDICTION_LOG_RETENTION_MONTHS', { infer: true })),
    );
    for (const table of PARTITIONED_TABLES) {
      const [row] = await query<{ rows: string }>(
        `SELECT count(*) AS rows FROM ${table}_default WHERE id <> ALL ($1::uuid[])`,
        [kept],
      );
      const rows = Number(row!.rows);
      this.events.defaultPartitionCounted(table, rows);
      if (rows > 0) this.logger.warn('Rows are outside the months that have a partition', { table, rows });
    }
  }

  private async deleteExpiredRecords(query: Query): Promise<void> {
    const deleted = await deleteExpiredRecords(query);
    if (deleted > 0) this.logger.log('Deleted expired idempotency records', { deleted });
  }

  private async applyRetention(query: Query, now: Date): Promise<void> {
    const months = this.config.get('PREDICTION_LOG_RETENTION_MONTHS', { infer: true });
    const key = this.config.get('PREDICTION_LOG_CHAIN_KEY', { infer: true })!;
    const { dropped, held, failed } = await applyRetention(query, { now, months, key });
    this.events.retentionApplied(dropped.length, held.length);
    for (const { month, rowCounts } of dropped) {
      this.logger.log('Dropped a month at the end of its retention', { month, rowCounts });
    }
    for (const month of held) {
      this.logger.warn('A month outlives its retention: it holds records on legal hold', { month: firstDay(month) });
    }
    if (failed.length === 0) return;
    throw new Error(failed.map(({ month, error }) => `${firstDay(month)}: ${error.message}`).join('; '));
  }

  private schedule(delayMs: number): void {
    if (this.closed) return;
    const scope = this.config.get('PREDICTION_LOG_MAINTENANCE', { infer: true });
    this.timer = setTimeout(
      () => {
        void this.run(new Date(), scope).then((done) => this.schedule(done ? RUN_EVERY_MS : RETRY_MS));
      },
      delayMs * (1 + JITTER * (2 * Math.random() - 1)),
    );
  }

  private failed(task: MaintenanceTask, error: unknown): void {
    if (this.closed) return;
    this.events.taskFailed(task);
    this.logger.error('Maintenance of the prediction log failed', {
      task,
      reason: (error as Error).message,
    });
  }
}
