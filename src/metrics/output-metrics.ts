import { Injectable } from '@nestjs/common';
import { InjectMetric, makeCounterProvider } from '@willsoto/nestjs-prometheus';
import type { Counter } from 'prom-client';
import { countAtScrape } from '../common/metrics/read-at-scrape.js';
import { output } from '../common/output.js';

export const outputMetricProviders = [
  makeCounterProvider({
    name: 'log_lines_redirected_total',
    help: 'Log lines that stdout did not take and stderr did, or the other way round: a reader is gone or too slow.',
  }),
  makeCounterProvider({ name: 'log_lines_lost_total', help: 'Log lines that neither stdout nor stderr took.' }),
];

/** Where the log went: who reads stdout alone does not see what it did not take. */
@Injectable()
export class OutputMetrics {
  constructor(
    @InjectMetric('log_lines_redirected_total') redirected: Counter,
    @InjectMetric('log_lines_lost_total') lost: Counter,
  ) {
    countAtScrape(redirected, () => [{ labels: {}, count: output.redirected }]);
    countAtScrape(lost, () => [{ labels: {}, count: output.lost }]);
  }
}
