import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import type { DataSource } from 'typeorm';
import { DomainError } from '../common/errors/domain-error.js';
import type { Env } from '../config/env.schema.js';
import { clientOptions } from './client-options.js';
import { createDataSource } from './data-source.js';
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
   * @throws Error that names the variable
   */
  async onModuleInit(): Promise<void> {
    if (this.config.get('PREDICTION_LOG', { infer: true }) === 'off') return;
    clientOptions(this.config);
    try {
      await this.dataSource();
    } catch (error) {
      const { cause } = error as Error;
      if (cause instanceof SchemaTooOldError) throw cause;
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
    const dataSource = createDataSource(this.config, { max: this.config.get('DATABASE_POOL_SIZE', { infer: true }) });
    await dataSource.initialize();
    try {
      await assertSchemaIsCurrent((sql, values) => dataSource.query(sql, values));
    } catch (error) {
      await dataSource.destroy();
      throw error;
    }
    return dataSource;
  }
}
