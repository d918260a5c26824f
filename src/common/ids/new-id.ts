import { RandomHex } from './random-hex.js';

/** Two digits for each byte. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
/** Of the variant, 10 in its first bits. */
const VARIANTS = ['8', '9', 'a', 'b'];
const TAIL_DIGITS = 12;

const random = new RandomHex();
let prefix = '';
let prefixTimeMs = -1;

/**
 * A UUID v7 (RFC 9562, section 5.7): it sorts by the millisecond in which it was made, and at random within one.
 *
 * Written here because a request takes two of them and a batch thousands: the usual library takes twice as long.
 *
 * @param timeMs since the epoch; default: now
 */
export function newId(timeMs = Date.now()): string {
  const digits = random.take(3 + 4 + TAIL_DIGITS);
  const variant = VARIANTS[Number.parseInt(digits[3]!, 16) & 3]!;
  return `${prefixOf(timeMs)}${digits.slice(0, 3)}-${variant}${digits.slice(4, 7)}-${digits.slice(7)}`;
}

/** Ids of one moment, ascending: what belongs together stays together, in its order and in one month. */
export function newIds(count: number): string[] {
  const start = prefixOf(Date.now());
  // The counter of the RFC's method 1, before the random digits: 32 bits here, of which the first is left for counting.
  const first = Number.parseInt(random.take(8), 16) >>> 1;
  const ids: string[] = Array.from({ length: count });
  for (let i = 0; i < count; i++) {
    const counter = (first + i) >>> 0;
    const high = HEX[counter >>> 24]! + HEX[(counter >>> 16) & 0xff]!;
    ids[i] =
      `${start}${high.slice(0, 3)}-${HEX[0x80 | ((counter >>> 14) & 0x3f)]}${HEX[(counter >>> 6) & 0xff]}` +
      `-${HEX[(counter << 2) & 0xff]}${random.take(TAIL_DIGITS - 2)}`;
  }
  return ids;
}

/** The time and the version: `01968b2e-7c1f-7`. */
function prefixOf(timeMs: number): string {
  if (timeMs !== prefixTimeMs) {
    const digits = timeMs.toString(16).padStart(12, '0');
    prefix = `${digits.slice(0, 8)}-${digits.slice(8)}-7`;
    prefixTimeMs = timeMs;
  }
  return prefix;
}
