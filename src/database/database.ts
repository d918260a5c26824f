import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import type { DataSource } from 'typeorm';
import { DomainError } from '../common/errors/domain-error.js';
import type { Env } from '../config/env.schema.js';
import { clientOptions, directOptions } from './client-options.js';
import { createDataSource } from './data-source.js';
import { endClient, openClient, PoolerError } from './open-client.js';
import { type Query, queryOn } from './query.js';
import { assertSchemaIsCurrent, SchemaTooOldError } from './schema-check.js';

const RETRY_AFTER_SECONDS = 1;

/** The connections that look-ups, idempotency keys and maintenance share. Made when first needed, and again after failing. */
@Injectable()
export class Database implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(Database.name);
  private connecting: Promise<DataSource> | undefined;

  constructor(private readonly config: ConfigService<Env, true>) {}

  /**
   * Refuses to start on a schema that is too old, or with settings that cannot be used. PostgreSQL being away is not
   * refused: it comes back.
   *
   * @throws SchemaTooOldError
   * @throws PoolerError where DATABASE_URL leads through a pooler and something has to be set for that
   * @throws Error that names the variable
   */
  async onModuleInit(): Promise<void> {
    if (this.config.get('PREDICTION_LOG', { infer: true }) === 'off') return;
    clientOptions(this.config);
    directOptions(this.config);
    try {
      await this.dataSource();
    } catch (error) {
      const { cause } = error as Error;
      if (cause instanceof SchemaTooOldError || cause instanceof PoolerError) throw cause;
      this.logger.warn('Starting without PostgreSQL', { reason: String(cause) });
    }
  }

  /**
   * An initialised data source. Its connections may break like all others do, and are then replaced one by one.
   *
   * @throws DomainError PREDICTION_LOG_UNAVAILABLE when PostgreSQL does not answer, or its schema is too old
   */
  async dataSource(): Promise<DataSource> {
    const attempt = (this.connecting ??= this.connect());
    try {
      return await attempt;
    } catch (error) {
      if (this.connecting === attempt) this.connecting = undefined;
      throw new DomainError('PREDICTION_LOG_UNAVAILABLE', {
        detail: 'The database of the prediction log cannot be used at the moment. Try again.',
        retryAfterSeconds: RETRY_AFTER_SECONDS,
        cause: error,
      });
    }
  }

  async onApplicationShutdown(): Promise<void> {
    const dataSource = await this.connecting?.catch(() => undefined);
    this.connecting = undefined;
    await dataSource?.destroy();
  }

  private async connect(): Promise<DataSource> {
    const dataSource = createDataSource(clientOptions(this.config), {
      max: this.config.get('DATABASE_POOL_SIZE', { infer: true }),
      isPooled: await this.look(),
    });
    await dataSource.initialize();
    return dataSource;
  }

  /** @returns whether DATABASE_URL leads through a connection pooler */
  private async look(): Promise<boolean> {
    const { client, isPooled } = await openClient(clientOptions(this.config));
    try {
      if (isPooled) await this.assertPoolable(queryOn(client));
      await assertSchemaIsCurrent(queryOn(client));
      return isPooled;
    } finally {
      await endClient(client);
    }
  }

  private async assertPoolable(query: Query): Promise<void> {
    if (this.config.get('DATABASE_DIRECT_URL', { infer: true }) === undefined) {
      throw new PoolerError(
        'DATABASE_URL leads through a connection pooler such as PgBouncer. Set DATABASE_DIRECT_URL to the same database on ' +
          'PostgreSQL itself: maintenance and the commands need sessions of their own.',
      );
    }
    const [row] = await query<{ limit: string }>(`SELECT current_setting('statement_timeout') AS limit`);
    if (row!.limit === '0') {
      this.logger.warn(
        'DATABASE_URL leads through a connection pooler, which does not let DATABASE_STATEMENT_TIMEOUT_MS through: ' +
          'PostgreSQL itself never gives up a statement. ALTER ROLE … SET statement_timeout for the user of DATABASE_URL.',
      );
    }
  }
}
