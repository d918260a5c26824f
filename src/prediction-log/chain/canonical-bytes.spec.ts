import { describe, expect, it } from '@jest/globals';
import { CanonicalBytes } from './canonical-bytes.js';

type Encode = (bytes: CanonicalBytes) => CanonicalBytes;

const encoder = new CanonicalBytes();
const hexOf = (encode: Encode): string => encode(encoder.start()).finish().toString('hex');

describe('CanonicalBytes', () => {
  it.each<[string, Encode, string]>([
    ['text', (b) => b.text('aé🙂'), '00000007 61c3a9f09f9982'],
    ['no text', (b) => b.text(''), '00000000'],
    ['a number', (b) => b.number(-1.5), '00000008 bff8000000000000'],
    ['a float32', (b) => b.float32(-1.5), '00000004 bfc00000'],
    ['several float32', (b) => b.float32s(Float32Array.of(1, -0)), '00000008 3f800000 80000000'],
    ['no float32', (b) => b.float32s(Float32Array.of()), '00000000'],
    ['bytes', (b) => b.bytes(Uint8Array.of(0, 255)), '00000002 00ff'],
    ['null', (b) => b.text(null).number(null).bytes(null), 'ffffffff ffffffff ffffffff'],
    ['nothing', (b) => b, ''],
  ])('writes %s as it is documented', (_what, encode, hex) => {
    expect(hexOf(encode)).toBe(hex.replaceAll(' ', ''));
  });

  it.each<[string, Encode, Encode]>([
    ['where a text ends', (b) => b.text('ab').text('c'), (b) => b.text('a').text('bc')],
    ['empty from null', (b) => b.text(''), (b) => b.text(null)],
    ['one empty text from two', (b) => b.text(''), (b) => b.text('').text('')],
    ['a null from its own bytes', (b) => b.text(null), (b) => b.bytes(Buffer.from('ffffffff', 'hex'))],
    ['a zero from its negative', (b) => b.float32(0), (b) => b.float32(-0)],
    ['where a list ends', (b) => b.float32s(Float32Array.of(1)).float32(2), (b) => b.float32s(Float32Array.of(1, 2))],
  ])('tells %s', (_what, one, other) => {
    expect(hexOf(one)).not.toBe(hexOf(other));
  });

  it('knows only one NaN, whatever bits it had', () => {
    const oddNaN = new Float32Array(Uint32Array.of(0xff_c0_12_34).buffer);
    expect(hexOf((b) => b.float32s(oddNaN))).toBe('000000047fc00000');
    expect(hexOf((b) => b.float32(oddNaN[0]!))).toBe('000000047fc00000');
  });

  it('grows with what it is given and keeps what came before', () => {
    const long = 'é'.repeat(10_000);
    const bytes = encoder.start().text('first').text(long).bytes(Buffer.alloc(50_000, 7)).finish();
    expect(bytes.subarray(0, 9).toString('hex')).toBe('000000056669727374');
    expect(bytes.subarray(13, 20_013).toString()).toBe(long);
    expect(bytes.byteLength).toBe(9 + 20_004 + 50_004);
  });
});
