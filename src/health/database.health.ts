import { Injectable, Logger } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import { setTimeout as delay } from 'node:timers/promises';
import type { Env } from '../config/env.schema.js';
import { clientOptions } from '../database/client-options.js';
import { PROBLEM_MESSAGES, problemOf } from '../database/database-problem.js';
import { PredictionLogMetrics } from '../prediction-log/writer/prediction-log-metrics.js';
import { DatabaseMetrics } from './database-metrics.js';
import { type FoundProblem, probeDatabase } from './database-probe.js';

const TIMEOUT_MS = 2000;
/** However often it is asked for, PostgreSQL is not asked more often. */
const CACHE_MS = 5000;
/** For how long a write that failed speaks. Who writes single answers tries again every second, until it has succeeded. */
const FAILED_WRITE_MS = 60_000;

/**
 * Whether PostgreSQL takes answers. At worst `degraded`: PostgreSQL is shared, and in `spooled` the service goes on without
 * it.
 */
@Injectable()
export class DatabaseHealthIndicator {
  /** Not with PREDICTION_LOG=off. */
  readonly isInUse: boolean;
  private readonly logger = new Logger(DatabaseHealthIndicator.name);
  private lookAgainAt = -Infinity;
  private looked: Promise<FoundProblem | undefined> = Promise.resolve(undefined);
  private told: FoundProblem | undefined;

  constructor(
    private readonly indicators: HealthIndicatorService,
    private readonly config: ConfigService<Env, true>,
    private readonly log: PredictionLogMetrics,
    metrics: DatabaseMetrics,
  ) {
    this.isInUse = config.get('PREDICTION_LOG', { infer: true }) === 'on';
    if (this.isInUse) metrics.observe(async () => (await this.find())?.problem);
  }

  async check(): Promise<HealthIndicatorResult<'database'>> {
    const indicator = this.indicators.check('database');
    const found = await this.find();
    return found ? indicator.degraded({ ...found }) : indicator.up();
  }

  private async find(): Promise<FoundProblem | undefined> {
    const found = (await this.look()) ?? this.failedWrite();
    if (found?.problem !== this.told?.problem) {
      if (found) this.logger.warn('Answers cannot be recorded, or soon cannot', { ...found });
      else this.logger.log('The database of the prediction log takes answers again');
    }
    this.told = found;
    return found;
  }

  private look(): Promise<FoundProblem | undefined> {
    const now = performance.now();
    if (now >= this.lookAgainAt) {
      this.lookAgainAt = now + CACHE_MS;
      this.looked = this.probe();
    }
    return this.looked;
  }

  private async probe(): Promise<FoundProblem | undefined> {
    const timeout = new AbortController();
    const late = delay(TIMEOUT_MS, undefined, timeout).then(() => {
      throw new Error('PostgreSQL says nothing.');
    });
    try {
      return await Promise.race([probeDatabase({ ...clientOptions(this.config), query_timeout: TIMEOUT_MS }), late]);
    } catch (error) {
      return foundIn(error);
    } finally {
      timeout.abort();
    }
  }

  /** What no look can see, such as a full disk. That a connection broke says less than that there is one now. */
  private failedWrite(): FoundProblem | undefined {
    const { lastFailure } = this.log;
    if (!lastFailure || performance.now() - lastFailure.at > FAILED_WRITE_MS) return undefined;
    const found = foundIn(lastFailure.error);
    return ['unreachable', 'login', 'connections'].includes(found.problem) ? undefined : found;
  }
}

function foundIn(error: unknown): FoundProblem {
  const problem = problemOf(error);
  return { problem, message: PROBLEM_MESSAGES[problem] };
}
