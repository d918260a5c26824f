import { crc32 } from 'node:zlib';

/**
 * A frame is a header of 12 bytes and a payload. The header holds, as unsigned 32-bit little-endian integers, the payload's
 * length, the CRC-32 of those four bytes, and the CRC-32 of the payload. The length has a checksum of its own because a
 * damaged one would make everything behind it look like a write that was cut short.
 */
const HEADER_BYTES = 12;

/**
 * Why there is no frame. `torn`: it was not written to its end, as a crash leaves it; nobody was told that it is durable.
 * `damaged`: no crash of a process explains what is there, so it may be something that somebody was told of.
 * `newer`: it is whole, and of a format that only a newer release reads.
 */
export type FrameFault = 'torn' | 'damaged' | 'newer';

export function frame(payload: Uint8Array): Buffer {
  const target = Buffer.allocUnsafe(HEADER_BYTES + payload.byteLength);
  target.writeUInt32LE(payload.byteLength, 0);
  target.writeUInt32LE(crc32(target.subarray(0, 4)), 4);
  target.writeUInt32LE(crc32(payload), 8);
  target.set(payload, HEADER_BYTES);
  return target;
}

/**
 * Reads the frame that `bytes` begin with.
 *
 * @returns its payload (a view) and its length with the header, or why there is none
 */
export function readFrame(bytes: Buffer): { payload: Buffer; length: number } | FrameFault {
  if (bytes.byteLength < HEADER_BYTES || isZero(bytes)) return 'torn';
  if (bytes.readUInt32LE(4) !== crc32(bytes.subarray(0, 4))) return 'damaged';
  const length = HEADER_BYTES + bytes.readUInt32LE(0);
  if (length > bytes.byteLength) return 'torn';
  const payload = bytes.subarray(HEADER_BYTES, length);
  return bytes.readUInt32LE(8) === crc32(payload) ? { payload, length } : 'damaged';
}

/** File systems may grow a file before its bytes arrive. */
const isZero = (bytes: Buffer): boolean => bytes.every((byte) => byte === 0);
