import { Injectable } from '@nestjs/common';
import { InjectMetric, makeCounterProvider, makeGaugeProvider } from '@willsoto/nestjs-prometheus';
import type { Counter, Gauge } from 'prom-client';
import { startAtZero } from '../../common/metrics/start-at-zero.js';

export const maintenanceMetricProviders = [
  makeGaugeProvider({
    name: 'prediction_log_default_partition_rows',
    help: 'Rows outside the months that have a partition: of a wrong clock, or because maintenance fails.',
    labelNames: ['table'],
  }),
  makeGaugeProvider({
    name: 'prediction_log_maintenance_last_success_timestamp_seconds',
    help: 'When this instance last did all of the daily maintenance, in Unix time.',
  }),
  makeCounterProvider({
    name: 'prediction_log_maintenance_failures_total',
    help: 'Tasks of the daily maintenance that failed; they are tried again within minutes.',
    labelNames: ['task'],
  }),
  makeCounterProvider({
    name: 'prediction_log_months_dropped_total',
    help: 'Months that were dropped at the end of their retention.',
  }),
  makeGaugeProvider({
    name: 'prediction_log_months_on_hold',
    help: 'Months that only a legal hold keeps beyond their retention.',
  }),
];

/** What the daily maintenance does; it begins with a connection. */
const MAINTENANCE_TASKS = [
  'connection',
  'partitions',
  'default-partitions',
  'idempotency-records',
  'retention',
] as const;
export type MaintenanceTask = (typeof MAINTENANCE_TASKS)[number];

/** What somebody may want to know of a run. */
export interface MaintenanceEvents {
  defaultPartitionCounted(table: string, rows: number): void;
  retentionApplied(dropped: number, held: number): void;
  taskFailed(task: MaintenanceTask): void;
  succeeded(at: Date): void;
}

@Injectable()
export class MaintenanceMetrics implements MaintenanceEvents {
  constructor(
    @InjectMetric('prediction_log_default_partition_rows') private readonly defaultRows: Gauge,
    @InjectMetric('prediction_log_maintenance_last_success_timestamp_seconds') private readonly lastSuccess: Gauge,
    @InjectMetric('prediction_log_maintenance_failures_total') private readonly failures: Counter,
    @InjectMetric('prediction_log_months_dropped_total') private readonly monthsDropped: Counter,
    @InjectMetric('prediction_log_months_on_hold') private readonly monthsOnHold: Gauge,
  ) {
    startAtZero(failures, 'task', MAINTENANCE_TASKS);
  }

  defaultPartitionCounted(table: string, rows: number): void {
    this.defaultRows.set({ table }, rows);
  }

  retentionApplied(dropped: number, held: number): void {
    this.monthsDropped.inc(dropped);
    this.monthsOnHold.set(held);
  }

  taskFailed(task: MaintenanceTask): void {
    this.failures.inc({ task });
  }

  succeeded(at: Date): void {
    this.lastSuccess.set(at.getTime() / 1000);
  }
}
