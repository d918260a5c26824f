import { setTimeout as delay } from 'node:timers/promises';

/** @returns whether `outcome` has settled after that time; by then nobody waits for it any more, nor for its error */
export async function endsWithin(milliseconds: number, outcome: Promise<unknown>): Promise<boolean> {
  const timer = new AbortController();
  const late = delay(milliseconds, false, { signal: timer.signal }).catch(() => false);
  try {
    return await Promise.race([outcome.then(() => true), late]);
  } finally {
    timer.abort();
    outcome.catch(() => undefined);
  }
}
