import { describe, expect, it } from '@jest/globals';
import { RegistryError } from '../registry-error.js';
import { withTimeout } from './with-timeout.js';

const never = new AbortController().signal;
const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('ended'))));

describe('withTimeout', () => {
  it('returns what the call returns', async () => {
    await expect(withTimeout('A call', 1000, never, async () => 42)).resolves.toBe(42);
  });

  it('ends a call that takes too long, and says which', async () => {
    await expect(withTimeout('GET model', 20, never, untilAborted)).rejects.toMatchObject({
      name: RegistryError.name,
      failure: 'timeout',
      message: 'GET model took longer than 20 ms.',
    });
  });

  it("ends with the caller's reason when the caller ended it", async () => {
    const caller = new AbortController();
    const result = withTimeout('A call', 60_000, caller.signal, untilAborted);
    caller.abort(new Error('shutting down'));
    await expect(result).rejects.toThrow('shutting down');
  });

  it('does not begin when the caller has ended it already', async () => {
    let begun = false;
    const result = withTimeout('A call', 1000, AbortSignal.abort(new Error('shutting down')), async () => {
      begun = true;
    });
    await expect(result).rejects.toThrow('shutting down');
    expect(begun).toBe(false);
  });

  it("keeps the call's own error", async () => {
    await expect(withTimeout('A call', 1000, never, () => Promise.reject(new Error('refused')))).rejects.toThrow(
      'refused',
    );
  });

  it('leaves alone what the call has returned', async () => {
    let during: AbortSignal | undefined;
    await withTimeout('A call', 20, never, async (signal) => {
      during = signal;
    });
    await withTimeout('Another', 60, never, untilAborted).catch(() => undefined);
    expect(during?.aborted).toBe(false);
  });
});
