import type { Counter, Gauge } from 'prom-client';

/** Has a gauge show what `read` says at the moment of each scrape, for values that change without an event of their own. */
export function readAtScrape(gauge: Gauge, read: () => number): void {
  Object.assign(gauge, { collect: () => gauge.set(read()) });
}

/** Has a counter show what `read` says at each scrape, for what is counted elsewhere anyway. */
export function countAtScrape(
  counter: Counter,
  read: () => Iterable<{ labels: Readonly<Record<string, string>>; count: number }>,
): void {
  Object.assign(counter, {
    collect: () => {
      counter.reset();
      for (const { labels, count } of read()) counter.inc(labels, count);
    },
  });
}
