import { RegistryError } from '../registry-error.js';

/**
 * Runs one call under a time limit. What the call returns, a stream for example, is under it no longer.
 *
 * @param what names the call in the error, as in "… took longer than 5000 ms"
 * @throws RegistryError `timeout`; the reason of `signal` when that is what ended the call
 */
export async function withTimeout<T>(
  what: string,
  timeoutMs: number,
  signal: AbortSignal,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const limit = new AbortController();
  const timer = setTimeout(() => {
    limit.abort(new RegistryError('timeout', `${what} took longer than ${timeoutMs} ms.`));
  }, timeoutMs);
  try {
    return await call(AbortSignal.any([signal, limit.signal]));
  } catch (error) {
    signal.throwIfAborted();
    limit.signal.throwIfAborted();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
