import { describe, expect, it } from '@jest/globals';
import { endsWithin } from './ends-within.js';

const AMPLE_MS = 10_000;

describe('endsWithin', () => {
  it('is true for what ends in time', async () => {
    expect(await endsWithin(AMPLE_MS, Promise.resolve('done'))).toBe(true);
  });

  it('is false for what hangs', async () => {
    expect(await endsWithin(1, new Promise(() => undefined))).toBe(false);
  });

  it('fails as that does which fails in time', async () => {
    await expect(endsWithin(AMPLE_MS, Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  });

  it('leaves an error that comes too late to nobody', async () => {
    const late = Promise.withResolvers<void>();
    expect(await endsWithin(1, late.promise)).toBe(false);
    late.reject(new Error('too late'));
    await new Promise(setImmediate);
  });
});
