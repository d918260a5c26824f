/**
 * How PostgreSQL takes values in binary: see the *recv function of each type in src/backend/utils/adt. All integers are big
 * endian.
 */
export interface WireType<T> {
  /** See pg_type.dat. */
  oid: number;
  /** Upper bound of the bytes that the value takes. */
  size(value: T): number;
  /** @returns the bytes it took */
  write(value: T, target: Buffer, offset: number): number;
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

/** Of a safe integer. */
export const int8 = fixed<number>(20, 8, (value, target, offset) => target.writeBigInt64BE(BigInt(value), offset));

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
