import { randomFillSync } from 'node:crypto';

export const RANDOM_BYTES = 16;
const DRAWS = 256;

const pool = Buffer.alloc(DRAWS * RANDOM_BYTES);
let used = pool.byteLength;

/**
 * 16 random bytes that nobody else is given. They are drawn from the system for many callers at once: on the way of a
 * prediction the call costs more than the bytes.
 *
 * @returns a copy, since the pool is filled again
 */
export function randomBytes16(): Buffer {
  if (used === pool.byteLength) {
    randomFillSync(pool);
    used = 0;
  }
  const drawn = Buffer.allocUnsafe(RANDOM_BYTES);
  pool.copy(drawn, 0, used, (used += RANDOM_BYTES));
  return drawn;
}
