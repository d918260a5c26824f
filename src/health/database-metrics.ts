import { Injectable } from '@nestjs/common';
import { InjectMetric, makeGaugeProvider } from '@willsoto/nestjs-prometheus';
import type { Gauge } from 'prom-client';
import { DATABASE_PROBLEMS, type DatabaseProblem } from '../database/database-problem.js';

export const databaseMetricProviders = [
  makeGaugeProvider({
    name: 'prediction_log_database_problem',
    help:
      '1 for what keeps PostgreSQL from taking answers, 0 for all else: unreachable, login (user, password or database ' +
      'refused), connections (none left), pooler (in a way that does not work), schema (older than the build), read_only, not_granted, disk_full, write_refused.',
    labelNames: ['problem'],
  }),
];

@Injectable()
export class DatabaseMetrics {
  constructor(@InjectMetric('prediction_log_database_problem') private readonly problems: Gauge) {
    this.show(undefined);
  }

  /** @param look is asked at each scrape */
  observe(look: () => Promise<DatabaseProblem | undefined>): void {
    Object.assign(this.problems, { collect: async () => this.show(await look()) });
  }

  private show(found: DatabaseProblem | undefined): void {
    for (const problem of DATABASE_PROBLEMS) this.problems.set({ problem }, problem === found ? 1 : 0);
  }
}
