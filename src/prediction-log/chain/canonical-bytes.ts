const FLOAT32_NAN = 0x7f_c0_00_00;

/**
 * Encodes fields so that different fields never give the same bytes: each is its length (unsigned 32-bit, big endian)
 * and its bytes; a null has the length 0xFFFFFFFF and none. Numbers are IEEE 754, big endian: 8 bytes, or 4 where the table
 * holds a float32. Every NaN is the same one, since its other bits are lost where PostgreSQL writes it as text.
 *
 * One instance is used over and over: what {@link finish} returns is a view that the next {@link start} overwrites.
 */
export class CanonicalBytes {
  private buffer = Buffer.allocUnsafe(4096);
  private end = 0;

  start(): this {
    this.end = 0;
    return this;
  }

  text(value: string | null): this {
    if (value === null) return this.null();
    this.reserve(4 + 3 * value.length);
    const length = this.buffer.write(value, this.end + 4, 'utf8');
    this.buffer.writeUInt32BE(length, this.end);
    this.end += 4 + length;
    return this;
  }

  number(value: number | null): this {
    if (value === null) return this.null();
    this.reserve(12);
    this.buffer.writeUInt32BE(8, this.end);
    this.buffer.writeDoubleBE(value, this.end + 4);
    this.end += 12;
    return this;
  }

  float32(value: number): this {
    this.reserve(8);
    this.buffer.writeUInt32BE(4, this.end);
    this.writeFloat32(value, this.end + 4);
    this.end += 8;
    return this;
  }

  /** All values as one field. */
  float32s(values: Float32Array): this {
    this.reserve(4 + 4 * values.length);
    this.buffer.writeUInt32BE(4 * values.length, this.end);
    this.end += 4;
    for (let i = 0; i < values.length; i++) {
      this.writeFloat32(values[i]!, this.end);
      this.end += 4;
    }
    return this;
  }

  bytes(value: Uint8Array | null): this {
    if (value === null) return this.null();
    this.reserve(4 + value.byteLength);
    this.buffer.writeUInt32BE(value.byteLength, this.end);
    this.buffer.set(value, this.end + 4);
    this.end += 4 + value.byteLength;
    return this;
  }

  finish(): Buffer {
    return this.buffer.subarray(0, this.end);
  }

  private writeFloat32(value: number, at: number): void {
    if (Number.isNaN(value)) this.buffer.writeUInt32BE(FLOAT32_NAN, at);
    else this.buffer.writeFloatBE(value, at);
  }

  private null(): this {
    this.reserve(4);
    this.buffer.writeUInt32BE(0xff_ff_ff_ff, this.end);
    this.end += 4;
    return this;
  }

  private reserve(bytes: number): void {
    if (this.end + bytes <= this.buffer.byteLength) return;
    const larger = Buffer.allocUnsafe(2 * (this.end + bytes));
    this.buffer.copy(larger, 0, 0, this.end);
    this.buffer = larger;
  }
}
