import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { EventLoopDelay } from './event-loop-delay.js';

const BUSY_MS = 30;

function compute(): void {
  const endsAt = performance.now() + BUSY_MS;
  while (performance.now() < endsAt);
}

describe('EventLoopDelay', () => {
  it('is what this turn has computed since its first arrival', () => {
    const delay = new EventLoopDelay();
    expect(delay.measure()).toBeLessThan(BUSY_MS);
    compute();
    expect(delay.measure()).toBeGreaterThanOrEqual(BUSY_MS);
  });

  it('counts what the turn before computed: this arrival may have waited for all of it', async () => {
    const delay = new EventLoopDelay();
    delay.measure();
    compute();
    await nextTurn();
    expect(delay.measure()).toBeGreaterThanOrEqual(BUSY_MS);
  });

  it('does not count a turn after which another one brought nothing', async () => {
    const delay = new EventLoopDelay();
    delay.measure();
    compute();
    await nextTurn();
    await nextTurn();
    expect(delay.measure()).toBeLessThan(BUSY_MS);
  });
});
