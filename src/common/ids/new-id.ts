import { v7 as uuidv7 } from 'uuid';
import { randomBytes16 } from './random-pool.js';

/**
 * A UUID v7 (RFC 9562, section 5.7): it sorts by the millisecond in which it was made, and at random within one.
 *
 * @param timeMs since the epoch; default: now
 */
export const newId = (timeMs = Date.now()): string => uuidv7({ msecs: timeMs, random: randomBytes16() });

/** Ids of one moment, ascending: what belongs together stays together, in its order and in one month. */
export function newIds(count: number): string[] {
  const msecs = Date.now();
  // The counter of the RFC's method 1: 32 bits here, of which the first is left for counting.
  const first = randomBytes16().readUInt32BE() >>> 1;
  return Array.from({ length: count }, (_, i) => uuidv7({ msecs, seq: first + i, random: randomBytes16() }));
}
