import { fillRandom } from './random-pool.js';

/** Of a UUID as text. */
export const ID_CHARACTERS = 36;
const TIME_BYTES = 6;
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
  private readonly time = Buffer.allocUnsafe(TIME_BYTES);
  private readonly random: Buffer;
  private readonly first: number;
  private taken = 0;

  /** @param count how many will be taken at most */
  constructor(count: number) {
    this.time.writeUIntBE(Date.now(), 0, TIME_BYTES);
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
    let at = offset;
    for (let i = 0; i < 4; i++) at = writeByte(this.time[i]!, target, at);
    target[at++] = HYPHEN;
    for (let i = 4; i < TIME_BYTES; i++) at = writeByte(this.time[i]!, target, at);
    target[at++] = HYPHEN;
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
