import { register } from 'prom-client';

export interface MetricSample {
  labels: Record<string, string | number>;
  value: number;
}

/** What a metric of this process would show if it were scraped now. @throws Error when there is no such metric */
export async function samplesOf(name: string): Promise<MetricSample[]> {
  const metric = register.getSingleMetric(name);
  if (!metric) throw new Error(`There is no metric ${name}.`);
  return (await metric.get()).values.map(({ labels, value }) => ({ labels: labels as MetricSample['labels'], value }));
}
