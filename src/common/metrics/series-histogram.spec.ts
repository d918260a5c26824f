import { describe, expect, it } from '@jest/globals';
import { Histogram, Registry } from 'prom-client';
import { SeriesHistogram } from './series-histogram.js';

const BUCKETS = [0.25, 0.5, 1];
const VALUES = Float32Array.of(0, 0.25, 0.3, 0.5, 0.75, 1, 2);
const SETTINGS = { name: 'h', help: 'What it says.', buckets: BUCKETS };

const histogram = () => new SeriesHistogram(SETTINGS);

describe('SeriesHistogram', () => {
  it("shows what prom-client's own shows of the same values", async () => {
    const own = new Registry();
    const theirs = new Registry();
    histogram().register(own).series().observeAll(VALUES);
    const other = new Histogram({ ...SETTINGS, registers: [theirs] });
    for (const value of VALUES) other.observe(value);
    expect(await own.metrics()).toBe(await theirs.metrics());
  });

  it("shows labels as prom-client's own does", async () => {
    const own = new Registry();
    const theirs = new Registry();
    const mine = histogram().register(own);
    const other = new Histogram({ ...SETTINGS, labelNames: ['a', 'b'], registers: [theirs] });
    for (const labels of [
      { a: '1', b: 'x' },
      { a: '1', b: 'y"\\' },
    ]) {
      mine.series(labels).observe(0.3);
      other.observe(labels, 0.3);
    }
    mine.series({ a: 'without', b: 'a value' });
    expect(await own.metrics()).toBe(await theirs.metrics());
  });

  it('has one series of the same labels', () => {
    const metric = histogram();
    const series = metric.series({ a: '1', b: '2' });
    expect(metric.series({ b: '2', a: '1' })).toBe(series);
    expect(metric.series({ a: '1', b: '3' })).not.toBe(series);
    expect(metric.series({ a: '1' })).not.toBe(series);
  });

  it('is registered once', () => {
    const registry = new Registry();
    const first = histogram().register(registry);
    expect(histogram().register(registry)).toBe(first);
  });

  it('begins anew with its registry', async () => {
    const registry = new Registry();
    const metric = histogram().register(registry);
    const labelled = metric.series({ a: '1' });
    for (const series of [metric.series(), labelled]) series.observeAll(VALUES);
    registry.resetMetrics();
    expect(await registry.metrics()).toContain('h_count 0');
    expect(await registry.metrics()).not.toContain('a="1"');
    labelled.observe(1);
    expect(await registry.metrics()).toContain('h_count{a="1"} 1');
  });
});
