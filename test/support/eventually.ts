import { setTimeout as delay } from 'node:timers/promises';

const RETRY_EVERY_MS = 25;

/**
 * Runs `check` until it no longer throws.
 *
 * @throws what it threw last, when that goes on for longer than `withinMs`
 */
export async function eventually<T>(check: () => T | Promise<T>, withinMs = 10_000): Promise<T> {
  const giveUpAt = performance.now() + withinMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > giveUpAt) throw error;
      await delay(RETRY_EVERY_MS);
    }
  }
}
