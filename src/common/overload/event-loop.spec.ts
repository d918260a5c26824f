import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { keepBusy } from '../../../test/support/keep-busy.js';
import { EventLoop } from './event-loop.js';

const BUSY_MS = 30;

/** After a turn that brought something and computed; it begins where the next one will: {@link nextTurn} may end in this turn. */
async function afterBusyTurn(): Promise<EventLoop> {
  await nextTurn();
  const loop = new EventLoop();
  loop.look();
  keepBusy(BUSY_MS);
  await nextTurn();
  return loop;
}

describe('EventLoop', () => {
  it('delays by what this turn has computed since its first arrival', () => {
    const loop = new EventLoop();
    expect(loop.look().delayMs).toBeLessThan(BUSY_MS);
    keepBusy(BUSY_MS);
    expect(loop.look().delayMs).toBeGreaterThanOrEqual(BUSY_MS);
  });

  it('delays by what the turn before computed: this arrival may have waited for all of it', async () => {
    const loop = await afterBusyTurn();
    expect(loop.look().delayMs).toBeGreaterThanOrEqual(BUSY_MS);
  });

  it('does not count a turn after which another one brought nothing', async () => {
    const loop = await afterBusyTurn();
    await nextTurn();
    expect(loop.look().delayMs).toBe(0);
  });

  it('tells arrivals of one turn from those of the next', async () => {
    await nextTurn();
    const loop = new EventLoop();
    const { turn } = loop.look();
    expect(loop.look().turn).toBe(turn);
    await nextTurn();
    expect(loop.look().turn).toBe(turn + 1);
  });
});
