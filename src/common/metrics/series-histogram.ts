import { getToken } from '@willsoto/nestjs-prometheus';
import { type Metric, type Registry, register } from 'prom-client';

type Labels = Readonly<Record<string, string>>;

interface Settings {
  name: string;
  help: string;
  /** Upper bounds, ascending. */
  buckets: readonly number[];
}

/** The values of one combination of labels. */
export class HistogramSeries {
  /** Of each bucket alone; the last one is for what is above all bounds. */
  private readonly counts: Float64Array;
  private sum = 0;

  constructor(
    readonly labels: Labels,
    private readonly upperBounds: readonly number[],
  ) {
    this.counts = new Float64Array(upperBounds.length + 1);
  }

  observe(value: number): void {
    let bucket = 0;
    while (bucket < this.upperBounds.length && value > this.upperBounds[bucket]!) bucket++;
    this.counts[bucket]!++;
    this.sum += value;
  }

  observeAll(values: Float32Array): void {
    for (let i = 0; i < values.length; i++) this.observe(values[i]!);
  }

  get count(): number {
    return this.cumulativeCounts().at(-1)!;
  }

  /** As prom-client's own metrics answer a scrape. */
  samples(name: string) {
    const { labels } = this;
    const counts = this.cumulativeCounts();
    return [
      ...[...this.upperBounds, '+Inf' as const].map((le, i) => ({
        metricName: `${name}_bucket`,
        labels: { le, ...labels },
        value: counts[i]!,
      })),
      { metricName: `${name}_sum`, labels, value: this.sum },
      { metricName: `${name}_count`, labels, value: counts.at(-1)! },
    ];
  }

  reset(): void {
    this.counts.fill(0);
    this.sum = 0;
  }

  /** How many values were at most each bound; the last one is how many there were. */
  private cumulativeCounts(): number[] {
    let sum = 0;
    return Array.from(this.counts, (count) => (sum += count));
  }
}

/**
 * A histogram whose series are kept by who observes. prom-client's looks the series up for each value, by a text that it makes
 * of the labels: 0.3 us without any and 0.5 with three, as a counter of the same labels does once more.
 */
export class SeriesHistogram {
  readonly type = 'histogram';
  readonly aggregator = 'sum';
  readonly name: string;
  readonly help: string;
  private readonly buckets: readonly number[];
  private readonly known: HistogramSeries[] = [];

  constructor({ name, help, buckets }: Settings) {
    this.name = name;
    this.help = help;
    this.buckets = buckets;
  }

  /** The one of this name in the registry, where there is one already. */
  register(registry: Registry): SeriesHistogram {
    const known = registry.getSingleMetric(this.name) as unknown as SeriesHistogram | undefined;
    if (known) return known;
    registry.registerMetric(this as unknown as Metric);
    return this;
  }

  /** The series of these labels: to be kept, since they are compared with all. */
  series(labels: Labels = {}): HistogramSeries {
    const known = this.known.find((series) => isSame(series.labels, labels));
    if (known) return known;
    const series = new HistogramSeries(labels, this.buckets);
    this.known.push(series);
    return series;
  }

  /** Those that a scrape shows: with labels, from their first value on. */
  get shown(): readonly HistogramSeries[] {
    return this.known.filter(({ labels, count }) => count > 0 || Object.keys(labels).length === 0);
  }

  /** As prom-client's own metrics answer a scrape. */
  get() {
    const { name, help, type, aggregator } = this;
    const values = this.shown.flatMap((series) => series.samples(name));
    return Promise.resolve({ name, help, type, aggregator, values });
  }

  reset(): void {
    for (const series of this.known) series.reset();
  }
}

/** As `makeHistogramProvider`, of the histogram that is cheap to observe. */
export const makeSeriesHistogramProvider = (settings: Settings) => ({
  provide: getToken(settings.name),
  useFactory: () => new SeriesHistogram(settings).register(register),
});

const isSame = (one: Labels, other: Labels): boolean =>
  Object.keys(one).length === Object.keys(other).length &&
  Object.entries(one).every(([name, value]) => other[name] === value);
