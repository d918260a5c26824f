import { beforeEach, describe, expect, it } from '@jest/globals';
import { ModelRejectedError } from '../model-rejected.error.js';
import { RegistryError } from '../registry-error.js';
import { FailureMemory } from './failure-memory.js';

const rejection = new ModelRejectedError('Known row 31 of 32 is off.');
const outage = new RegistryError('timeout', 'MLflow did not answer.');

describe('FailureMemory', () => {
  let memory: FailureMemory;
  beforeEach(() => {
    memory = new FailureMemory();
  });

  it('never lets a version be tried again that must not serve', () => {
    expect(memory.remember('m-1', rejection, 0)).toEqual({
      identity: 'm-1',
      reason: 'Known row 31 of 32 is off.',
      retryable: false,
      attempts: 1,
      retryAt: Infinity,
    });
    expect(memory.blocks('m-1', Number.MAX_SAFE_INTEGER)).toBe(true);
  });

  it('doubles the pause after each transient failure, from one second to five minutes', () => {
    const pauses = Array.from({ length: 11 }, () => memory.remember('m-1', outage, 1000).retryAt - 1000);
    expect(pauses.slice(0, 4)).toEqual([1000, 2000, 4000, 8000]);
    expect(pauses.slice(-3)).toEqual([256_000, 300_000, 300_000]);
    expect(memory.last).toMatchObject({ retryable: true, attempts: 11 });
  });

  it('lets a version be tried again when its pause has ended', () => {
    memory.remember('m-1', outage, 5000);
    expect(memory.blocks('m-1', 5999)).toBe(true);
    expect(memory.blocks('m-1', 6000)).toBe(false);
  });

  it('blocks no other version, and starts anew with the next one that fails', () => {
    memory.remember('m-1', outage, 0);
    memory.remember('m-1', outage, 0);
    expect(memory.blocks('m-2', 0)).toBe(false);
    expect(memory.remember('m-2', outage, 0)).toMatchObject({ attempts: 1, retryAt: 1000 });
    expect(memory.blocks('m-1', 0)).toBe(false);
  });

  it('can forget', () => {
    memory.remember('m-1', rejection, 0);
    memory.forget();
    expect(memory.last).toBeUndefined();
    expect(memory.blocks('m-1', 0)).toBe(false);
  });
});
