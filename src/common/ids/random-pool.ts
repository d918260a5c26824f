import { randomFillSync } from 'node:crypto';

const pool = Buffer.alloc(4096);
let used = pool.byteLength;

/**
 * Fills the target with random bytes that nobody else is given. They are drawn from the system for many callers at once: on
 * the way of a prediction the call costs more than the bytes.
 */
export function fillRandom(target: Uint8Array): void {
  for (let filled = 0; filled < target.byteLength;) {
    if (used === pool.byteLength) {
      randomFillSync(pool);
      used = 0;
    }
    const drawn = Math.min(target.byteLength - filled, pool.byteLength - used);
    target.set(pool.subarray(used, used + drawn), filled);
    used += drawn;
    filled += drawn;
  }
}
