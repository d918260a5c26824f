import { fillRandom } from './random-pool.js';
import { timePrefix } from './time-prefix.js';

/** Of a UUID as text. */
export const ID_CHARACTERS = 36;
/** `01968b2e-7c1f-`; the version shares its byte with the counter. */
const TIME_CHARACTERS = 14;
const COUNTER_BYTES = 4;
const RANDOM_BYTES = 5;

const HYPHEN = 0x2d;
/** The two digits of each byte, as character codes. */
const DIGITS = Buffer.from(
  Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0')).join(''),
  'latin1',
);

/**
 * UUIDs v7 of one moment, ascending: what belongs together stays together, in its order and in one month. Written as text
 * to where they are needed, since ten thousand strings cost more to make and to collect than to write.
 */
export class IdSequence {
  private readonly time = Buffer.from(timePrefix(Date.now()).slice(0, TIME_CHARACTERS), 'latin1');
  private readonly random: Buffer;
  private readonly first: number;
  private taken = 0;

  /** @param count how many will be taken at most */
  constructor(count: number) {
    // The counter of RFC 9562's method 1, before the random bits: 32 bits here, of which the first is left for counting.
    const start = Buffer.allocUnsafe(COUNTER_BYTES);
    fillRandom(start);
    this.first = start.readUInt32BE() >>> 1;
    this.random = Buffer.allocUnsafe(count * RANDOM_BYTES);
    fillRandom(this.random);
  }

  /** Writes the next id, `ID_CHARACTERS` bytes of ASCII. */
  writeNext(target: Uint8Array, offset: number): void {
    const counter = (this.first + this.taken) >>> 0;
    const random = RANDOM_BYTES * this.taken++;
    target.set(this.time, offset);
    let at = offset + TIME_CHARACTERS;
    // The version in four bits, 12 bits of the counter; the variant in two, 14 bits; the 6 bits that are left.
    at = writeByte(0x70 | (counter >>> 28), target, at);
    at = writeByte((counter >>> 20) & 0xff, target, at);
    target[at++] = HYPHEN;
    at = writeByte(0x80 | ((counter >>> 14) & 0x3f), target, at);
    at = writeByte((counter >>> 6) & 0xff, target, at);
    target[at++] = HYPHEN;
    at = writeByte((counter << 2) & 0xff, target, at);
    for (let i = 0; i < RANDOM_BYTES; i++) at = writeByte(this.random[random + i]!, target, at);
  }
}

function writeByte(byte: number, target: Uint8Array, offset: number): number {
  target[offset] = DIGITS[2 * byte]!;
  target[offset + 1] = DIGITS[2 * byte + 1]!;
  return offset + 2;
}
