import type { Gauge } from 'prom-client';

/** Has a gauge show what `read` says at the moment of each scrape, for values that change without an event of their own. */
export function readAtScrape(gauge: Gauge, read: () => number): void {
  Object.assign(gauge, { collect: () => gauge.set(read()) });
}
