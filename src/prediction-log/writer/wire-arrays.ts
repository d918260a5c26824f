/**
 * One-dimensional arrays in PostgreSQL's binary form, which `pg` passes through when a parameter is a Buffer. Encoding them
 * takes a fraction of the time that quoting and escaping array literals takes, and a float32 keeps its bits.
 *
 * Format: array_recv in src/backend/utils/adt/arrayfuncs.c, and the *recv function of each element type. All integers are
 * big endian: dimensions, has-nulls flag, element type, length, lower bound; then each element's size (-1 for null) and
 * bytes.
 */
export interface WireType<T> {
  /** See pg_type.dat. */
  oid: number;
  /** Upper bound of the bytes that the value takes. */
  size(value: T): number;
  /** @returns the bytes it took */
  write(value: T, target: Buffer, offset: number): number;
}

const HEADER_BYTES = 20;
const LENGTH_BYTES = 4;

/**
 * One column of rows as an array.
 *
 * @param read is called more than once for each row
 */
export function wireArray<R, T>(type: WireType<T>, rows: readonly R[], read: (row: R) => T | null): Buffer {
  let bound = HEADER_BYTES;
  let hasNulls = 0;
  for (let i = 0; i < rows.length; i++) {
    const value = read(rows[i]!);
    bound += LENGTH_BYTES;
    if (value === null) hasNulls = 1;
    else bound += type.size(value);
  }
  const target = Buffer.allocUnsafe(bound);
  let end = writeHeader(target, type.oid, rows.length, hasNulls);
  for (let i = 0; i < rows.length; i++) {
    const value = read(rows[i]!);
    const length = value === null ? -1 : type.write(value, target, end + LENGTH_BYTES);
    target.writeInt32BE(length, end);
    end += LENGTH_BYTES + Math.max(0, length);
  }
  return target.subarray(0, end);
}

function writeHeader(target: Buffer, oid: number, length: number, hasNulls: number): number {
  target.writeInt32BE(length === 0 ? 0 : 1, 0);
  target.writeInt32BE(hasNulls, 4);
  target.writeInt32BE(oid, 8);
  if (length === 0) return 12;
  target.writeInt32BE(length, 12);
  target.writeInt32BE(1, 16);
  return HEADER_BYTES;
}

const fixed = <T>(
  oid: number,
  bytes: number,
  write: (value: T, target: Buffer, offset: number) => void,
): WireType<T> => ({
  oid,
  size: () => bytes,
  write: (value, target, offset) => {
    write(value, target, offset);
    return bytes;
  },
});

export const int2 = fixed<number>(21, 2, (value, target, offset) => target.writeInt16BE(value, offset));
export const int4 = fixed<number>(23, 4, (value, target, offset) => target.writeInt32BE(value, offset));
export const float4 = fixed<number>(700, 4, (value, target, offset) => target.writeFloatBE(value, offset));

export const text: WireType<string> = {
  oid: 25,
  size: (value) => 3 * value.length,
  write: (value, target, offset) => target.write(value, offset, 'utf8'),
};

export const bytea: WireType<Uint8Array> = {
  oid: 17,
  size: (value) => value.byteLength,
  write: (value, target, offset) => {
    target.set(value, offset);
    return value.byteLength;
  },
};

/** Value of each hexadecimal digit, by its character code. */
const DIGITS = Uint8Array.from({ length: 128 }, (_, code) => Number.parseInt(String.fromCharCode(code), 16) || 0);
const HYPHEN = 0x2d;

/** In their usual form with hyphens. Decoded here because Buffer's own decoder would need them taken out first. */
export const uuid = fixed<string>(2950, 16, (value, target, offset) => {
  for (let i = 0; i < value.length; i += 2) {
    if (value.charCodeAt(i) === HYPHEN) i++;
    target[offset++] = (DIGITS[value.charCodeAt(i)]! << 4) | DIGITS[value.charCodeAt(i + 1)]!;
  }
});
