import { describe, expect, it } from '@jest/globals';
import { Histogram, Registry } from 'prom-client';
import { BulkHistogram } from './bulk-histogram.js';

const BOUNDS = [0.25, 0.5, 1];
const VALUES = Float32Array.of(0, 0.25, 0.3, 0.5, 0.75, 1, 2);

const bulk = () => new BulkHistogram('h', 'What it says.', BOUNDS);

describe('BulkHistogram', () => {
  it("shows what prom-client's own shows of the same values", async () => {
    const own = new Registry();
    const theirs = new Registry();
    bulk().register(own).observeAll(VALUES);
    const histogram = new Histogram({ name: 'h', help: 'What it says.', buckets: BOUNDS, registers: [theirs] });
    for (const value of VALUES) histogram.observe(value);
    expect(await own.metrics()).toBe(await theirs.metrics());
  });

  it('is registered once', () => {
    const registry = new Registry();
    const first = bulk().register(registry);
    expect(bulk().register(registry)).toBe(first);
  });

  it('begins anew with its registry', async () => {
    const registry = new Registry();
    bulk().register(registry).observeAll(VALUES);
    registry.resetMetrics();
    expect(await registry.metrics()).toContain('h_count 0');
  });
});
