import { describe, expect, it } from '@jest/globals';
import { frame, readFrame } from './frames.js';

const payload = Buffer.from('{"entry":"ünïcode"}');

describe('A frame', () => {
  it('gives its payload back, whatever follows', () => {
    const bytes = Buffer.concat([frame(payload), Buffer.from('more')]);
    expect(readFrame(bytes)).toEqual({ payload, length: bytes.byteLength - 4 });
  });

  it('may be empty', () => {
    expect(readFrame(frame(Buffer.alloc(0)))).toEqual({ payload: Buffer.alloc(0), length: 12 });
  });

  it('is torn wherever it is cut', () => {
    const bytes = frame(payload);
    const cuts = Array.from(bytes, (_, length) => readFrame(bytes.subarray(0, length)));
    expect(cuts).toEqual(Array.from(bytes, () => 'torn'));
  });

  it('is torn when the file grew but nothing was written', () => {
    expect(readFrame(Buffer.alloc(100))).toBe('torn');
  });

  it('is damaged when any bit of it is another', () => {
    const bytes = frame(payload);
    const flips = Array.from({ length: 8 * bytes.byteLength }, (_, bit) => {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      return readFrame(Buffer.concat([flipped, frame(payload)]));
    });
    expect(flips).toEqual(flips.map(() => 'damaged'));
  });
});
