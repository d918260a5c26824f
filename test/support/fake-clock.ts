import { afterEach, jest } from '@jest/globals';

const TIMERS = [
  'nextTick',
  'queueMicrotask',
  'setImmediate',
  'clearImmediate',
  'setTimeout',
  'clearTimeout',
  'setInterval',
  'clearInterval',
  'performance',
] as const;

/** Date alone stands still until it is moved; timers and I/O go on. To be called where hooks may be registered. */
export function fakeClock(): { start(): void; moveTo(elapsedMs: number): void } {
  const startedAt = Date.UTC(2026, 0, 1);
  afterEach(() => {
    jest.useRealTimers();
  });
  return {
    start: () => {
      jest.useFakeTimers({ now: startedAt, doNotFake: [...TIMERS] });
    },
    moveTo: (elapsedMs) => jest.setSystemTime(startedAt + elapsedMs),
  };
}
