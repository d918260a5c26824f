import type { Counter } from 'prom-client';

/**
 * Has a counter show 0 for each value of its label from the start. A series that appears with its first event appears at 1,
 * and Prometheus sees no increase in that: an alert would miss the first event, which may be the only one.
 */
export function startAtZero(counter: Counter, label: string, values: readonly string[]): void {
  for (const value of values) counter.inc({ [label]: value }, 0);
}
