import { beforeEach, describe, expect, it } from '@jest/globals';
import { ModelRejectedError } from '../model-rejected.error.js';
import { RegistryError } from '../registry-error.js';
import type { ModelTags } from '../source/model-source.js';
import { FailureMemory } from './failure-memory.js';

const rejection = new ModelRejectedError('Known row 31 of 32 is off.');
const version = (identity: string) => ({
  identity,
  version: '2',
  expectedDigest: undefined as string | undefined,
  allowSignatureChange: false,
  tags: {} as ModelTags,
});
const first = version('m-1');
const second = version('m-2');
const outage = new RegistryError('timeout', 'MLflow did not answer.');

describe('FailureMemory', () => {
  let memory: FailureMemory;
  beforeEach(() => {
    memory = new FailureMemory();
  });

  it('never lets a version be tried again that must not serve', () => {
    expect(memory.remember(first, rejection, 0)).toEqual({
      candidate: first,
      reason: 'Known row 31 of 32 is off.',
      retryable: false,
      attempts: 1,
      retryAt: Infinity,
    });
    expect(memory.blocking(first, Number.MAX_SAFE_INTEGER)).toBe(memory.last);
  });

  it('lets one be tried again at the time that its rejection names, and not before', () => {
    const untilTen = new ModelRejectedError('2 processes have ended.', { retryAtMs: 10 });
    expect(memory.remember(first, untilTen, 0)).toMatchObject({ retryable: true, retryAt: 10 });
    expect(memory.blocking(first, 9)).toBe(memory.last);
    expect(memory.blocking(first, 10)).toBeUndefined();
  });

  it('doubles the pause after each transient failure, from one second to five minutes', () => {
    const pauses = Array.from({ length: 11 }, () => memory.remember(first, outage, 1000).retryAt - 1000);
    expect(pauses.slice(0, 4)).toEqual([1000, 2000, 4000, 8000]);
    expect(pauses.slice(-3)).toEqual([256_000, 300_000, 300_000]);
    expect(memory.last).toMatchObject({ retryable: true, attempts: 11 });
  });

  it('lets a version be tried again when its pause has ended', () => {
    memory.remember(first, outage, 5000);
    expect(memory.blocking(first, 5999)).toBe(memory.last);
    expect(memory.blocking(first, 6000)).toBeUndefined();
  });

  it('blocks no other version, and starts anew with the next one that fails', () => {
    memory.remember(first, outage, 0);
    memory.remember(first, outage, 0);
    expect(memory.blocking(second, 0)).toBeUndefined();
    expect(memory.remember(second, outage, 0)).toMatchObject({ attempts: 1, retryAt: 1000 });
    expect(memory.blocking(first, 0)).toBeUndefined();
  });

  it.each([
    ['registered anew as another version', { version: '3' }],
    ['given another sha256 tag', { expectedDigest: 'ab'.repeat(32) }],
    ['allowed to take other inputs', { allowSignatureChange: true }],
    ['told which class is the default', { tags: { defaultClass: 'bad' } }],
    ['told what may be missing', { tags: { nullableFeatures: 'income' } }],
  ])('does not block a rejected one that was %s', (_what, change) => {
    memory.remember(first, rejection, 0);
    expect(memory.blocking({ ...first, ...change }, 0)).toBeUndefined();
  });

  it('can forget', () => {
    memory.remember(first, rejection, 0);
    memory.forget();
    expect(memory.last).toBeUndefined();
    expect(memory.blocking(first, 0)).toBeUndefined();
  });
});
