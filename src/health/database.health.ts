import { Injectable } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import type { Env } from '../config/env.schema.js';
import { Database } from '../database/database.js';

const TIMEOUT_MS = 2000;
/** However often it is asked for, PostgreSQL is not asked more often. */
const CACHE_MS = 5000;

/** At worst `degraded`: PostgreSQL is shared, and in `spooled` the service goes on without it. */
@Injectable()
export class DatabaseHealthIndicator {
  /** Not with PREDICTION_LOG=off. */
  readonly isInUse: boolean;

  constructor(
    private readonly indicators: HealthIndicatorService,
    private readonly database: Database,
    config: ConfigService<Env, true>,
  ) {
    this.isInUse = config.get('PREDICTION_LOG', { infer: true }) === 'on';
  }

  async check(): Promise<HealthIndicatorResult<'database'>> {
    const indicator = this.indicators.check('database');
    const ping = indicator.attempt(() => this.ping());
    const { database } = await ping.withTimeout(TIMEOUT_MS).cacheFor(CACHE_MS);
    return database.status === 'up' ? { database } : indicator.degraded('PostgreSQL does not answer.');
  }

  private async ping(): Promise<void> {
    const dataSource = await this.database.dataSource();
    await dataSource.query('SELECT');
  }
}
