import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { PredictionLogMetrics } from '../../src/prediction-log/writer/prediction-log-metrics.js';

/** In a registry of their own. */
export function predictionLogMetrics(registry = new Registry()): PredictionLogMetrics {
  const registers = [registry];
  const help = '-';
  return new PredictionLogMetrics(
    new Counter({ name: 'rows_written', help, registers }),
    new Counter({ name: 'failures', help, labelNames: ['kind'], registers }),
    new Gauge({ name: 'queue_rows', help, registers }),
    new Gauge({ name: 'up', help, registers }),
    new Gauge({ name: 'spool_bytes', help, registers }),
    new Gauge({ name: 'spool_oldest', help, registers }),
    new Histogram({ name: 'group_rows', help, registers }),
    new Histogram({ name: 'write_duration', help, registers }),
  );
}

/** What `prediction_log_rows_written_total` says of metrics in this registry. */
export async function rowsWritten(registry: Registry): Promise<number> {
  const { values } = await (registry.getSingleMetric('rows_written') as Counter).get();
  return values[0]!.value;
}
