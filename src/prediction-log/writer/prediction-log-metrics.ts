import { Injectable } from '@nestjs/common';
import {
  InjectMetric,
  makeCounterProvider,
  makeGaugeProvider,
  makeHistogramProvider,
} from '@willsoto/nestjs-prometheus';
import type { Counter, Gauge, Histogram } from 'prom-client';
import { readAtScrape } from '../../common/metrics/read-at-scrape.js';
import { startAtZero } from '../../common/metrics/start-at-zero.js';

export const predictionLogMetricProviders = [
  makeCounterProvider({ name: 'prediction_log_rows_written_total', help: 'Rows committed in PostgreSQL.' }),
  makeCounterProvider({
    name: 'prediction_log_failures_total',
    help:
      'What went wrong, by kind: refused (PostgreSQL refused a row), timeout (a request waited too long), full (too many ' +
      'rows wait), connection (a connection broke or could not be had; the write is repeated), spool (the local disk failed).',
    labelNames: ['kind'],
  }),
  makeGaugeProvider({ name: 'prediction_log_queue_rows', help: 'Rows in memory that are not committed yet.' }),
  makeGaugeProvider({
    name: 'prediction_log_up',
    help: '0 when the last write to PostgreSQL failed for want of a connection; 1 otherwise, and before the first one.',
  }),
  makeGaugeProvider({
    name: 'prediction_log_spool_bytes',
    help: 'Size of the spool on the local disk, on its way to PostgreSQL.',
  }),
  makeGaugeProvider({
    name: 'prediction_log_spool_oldest_seconds',
    help: 'How old the oldest segment of the spool is; 0 when the spool is empty.',
  }),
  makeHistogramProvider({
    name: 'prediction_log_group_rows',
    help: 'Rows that were committed together.',
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
  }),
  makeHistogramProvider({
    name: 'prediction_log_write_duration_seconds',
    help: 'Time from sending a group to its commit.',
    buckets: [0.25e-3, 0.5e-3, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 500e-3, 1, 2.5],
  }),
];

const LOG_FAILURES = ['refused', 'timeout', 'full', 'connection', 'spool'] as const;
export type LogFailure = (typeof LOG_FAILURES)[number];

@Injectable()
export class PredictionLogMetrics {
  private failure: { error: unknown; at: number } | undefined;

  constructor(
    @InjectMetric('prediction_log_rows_written_total') private readonly rows: Counter,
    @InjectMetric('prediction_log_failures_total') private readonly failures: Counter,
    @InjectMetric('prediction_log_queue_rows') private readonly queueRows: Gauge,
    @InjectMetric('prediction_log_up') private readonly up: Gauge,
    @InjectMetric('prediction_log_spool_bytes') private readonly spoolBytes: Gauge,
    @InjectMetric('prediction_log_spool_oldest_seconds') private readonly spoolOldest: Gauge,
    @InjectMetric('prediction_log_group_rows') private readonly groupRows: Histogram,
    @InjectMetric('prediction_log_write_duration_seconds') private readonly writeDuration: Histogram,
  ) {
    startAtZero(failures, 'kind', LOG_FAILURES);
    up.set(1);
  }

  /** What the last write failed with, and when by `performance.now()`; undefined once one has succeeded. */
  get lastFailure(): { error: unknown; at: number } | undefined {
    return this.failure;
  }

  /** @param read rows that wait or are being written, read when they are scraped */
  observeQueue(read: () => number): void {
    readAtScrape(this.queueRows, read);
  }

  /** Both change with time or without an event of their own, so they are read when they are scraped. */
  observeSpool(read: () => { bytes: number; oldestAt: number | undefined }): void {
    readAtScrape(this.spoolBytes, () => read().bytes);
    const oldestMs = () => Date.now() - (read().oldestAt ?? Date.now());
    readAtScrape(this.spoolOldest, () => oldestMs() / 1000);
  }

  /** Once it is known that they are committed. */
  rowsWritten(rows: number): void {
    this.rows.inc(rows);
  }

  /** Rows were committed together. */
  groupWritten(rows: number, durationMs: number): void {
    this.groupRows.observe(rows);
    this.writeDuration.observe(durationMs / 1000);
    this.up.set(1);
    this.failure = undefined;
  }

  /** @param error what a write failed with, where it was not its rows that PostgreSQL refused */
  failed(kind: LogFailure, error?: unknown): void {
    this.failures.inc({ kind });
    if (error !== undefined) this.failure = { error, at: performance.now() };
    if (kind === 'connection') this.up.set(0);
    if (kind === 'refused') this.up.set(1);
  }
}
