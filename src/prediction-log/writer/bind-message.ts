import { bytea, float4, type WireType } from './wire-types.js';

const INITIAL_BYTES = 16 * 1024;
const LENGTH_BYTES = 4;
const ARRAY_HEADER_BYTES = 20;
const NULL_LENGTH = -1;
/** Execute of the unnamed portal, as many rows as there are, and Sync. */
const EXECUTE_AND_SYNC = Buffer.from('E\0\0\0\u{9}\0\0\0\0\0S\0\0\0\u{4}', 'latin1');

/**
 * Runs a prepared statement: its parameters in PostgreSQL's binary form, and the order to execute it, in one buffer. What
 * `pg` makes of an array of parameters takes several times as long, and a float32 keeps its bits here.
 *
 * Format: Bind, Execute and Sync in "Message Formats" of PostgreSQL's manual; arrays as array_recv in
 * src/backend/utils/adt/arrayfuncs.c reads them. One instance is used over and over: what {@link finish} returns is
 * overwritten by the next {@link start}.
 */
export class BindMessage {
  private buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  private end = 0;

  start(statement: string, parameterCount: number): this {
    this.end = 0;
    this.reserve(16 + statement.length);
    this.end = this.buffer.write('B', 0, 'latin1') + LENGTH_BYTES;
    // The unnamed portal of the statement; one format, binary, for all parameters.
    this.end += this.buffer.write(`\0${statement}\0`, this.end, 'latin1');
    this.int16(1).int16(1).int16(parameterCount);
    return this;
  }

  value<T>(type: WireType<T>, value: T | null): this {
    const at = this.end;
    this.reserve(LENGTH_BYTES + (value === null ? 0 : type.size(value)));
    this.end += LENGTH_BYTES;
    if (value !== null) this.end += type.write(value, this.buffer, this.end);
    this.buffer.writeInt32BE(value === null ? NULL_LENGTH : this.end - at - LENGTH_BYTES, at);
    return this;
  }

  /**
   * One column of rows as an array; null when it would hold nothing else, as most columns do. `unnest` of several arrays
   * takes that for as many nulls as the others have elements.
   *
   * @param read is called more than once for a row
   */
  column<R, T>(type: WireType<T>, rows: readonly R[], read: (row: R) => T | null): this {
    let nulls = 0;
    for (let i = 0; i < rows.length; i++) if (read(rows[i]!) === null) nulls++;
    if (nulls === rows.length) return this.value(type, null);
    const at = this.beginArray(type.oid, rows.length, nulls > 0);
    for (let i = 0; i < rows.length; i++) this.value(type, read(rows[i]!));
    return this.endArray(at);
  }

  /** The values of all rows, one after the other, as one array. */
  float4s<R>(rows: readonly R[], read: (row: R) => Float32Array): this {
    let length = 0;
    for (let i = 0; i < rows.length; i++) length += read(rows[i]!).length;
    const at = this.beginArray(float4.oid, length, false);
    this.reserve(2 * 4 * length);
    for (let i = 0; i < rows.length; i++) {
      const values = read(rows[i]!);
      for (let j = 0; j < values.length; j++) {
        this.buffer.writeInt32BE(4, this.end);
        this.buffer.writeFloatBE(values[j]!, this.end + LENGTH_BYTES);
        this.end += 2 * 4;
      }
    }
    return this.endArray(at);
  }

  /** Parts of equal length, one after the other, as an array of bytea. */
  bytes(parts: Buffer, partBytes: number): this {
    const at = this.beginArray(bytea.oid, parts.byteLength / partBytes, false);
    for (let from = 0; from < parts.byteLength; from += partBytes) {
      this.reserve(LENGTH_BYTES + partBytes);
      this.end = this.buffer.writeInt32BE(partBytes, this.end);
      this.end += parts.copy(this.buffer, this.end, from, from + partBytes);
    }
    return this.endArray(at);
  }

  finish(): Buffer {
    // No results, so no formats for them.
    this.int16(0);
    this.buffer.writeInt32BE(this.end - 1, 1);
    this.reserve(EXECUTE_AND_SYNC.byteLength);
    this.buffer.set(EXECUTE_AND_SYNC, this.end);
    return this.buffer.subarray(0, this.end + EXECUTE_AND_SYNC.byteLength);
  }

  /** Dimensions, whether there are nulls, element type; of the only dimension length and first index. */
  private beginArray(oid: number, length: number, hasNulls: boolean): number {
    const at = this.end;
    this.reserve(LENGTH_BYTES + ARRAY_HEADER_BYTES);
    this.buffer.writeInt32BE(1, at + 4);
    this.buffer.writeInt32BE(hasNulls ? 1 : 0, at + 8);
    this.buffer.writeInt32BE(oid, at + 12);
    this.buffer.writeInt32BE(length, at + 16);
    this.buffer.writeInt32BE(1, at + 20);
    this.end = at + LENGTH_BYTES + ARRAY_HEADER_BYTES;
    return at;
  }

  private endArray(at: number): this {
    this.buffer.writeInt32BE(this.end - at - LENGTH_BYTES, at);
    return this;
  }

  private int16(value: number): this {
    this.reserve(2);
    this.end = this.buffer.writeInt16BE(value, this.end);
    return this;
  }

  private reserve(bytes: number): void {
    if (this.end + bytes <= this.buffer.byteLength) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.end + bytes));
    this.buffer.copy(larger, 0, 0, this.end);
    this.buffer = larger;
  }
}
