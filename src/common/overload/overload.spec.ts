import { describe, expect, it } from '@jest/globals';
import { Overload } from './overload.js';

const MAX_IN_FLIGHT = 63;
const MAX_DELAY_MS = 20;
const LATE_MS = MAX_DELAY_MS + 1;
/** As much work beyond that of a refusal as would fill a place. */
const WEIGHT = 2;
/** Under overload a turn takes what fills a third of the places. */
const TAKEN_A_TURN = 21;
const CROWD = 100;

/** An Overload and the event loop that it looks at. */
class Driven {
  private readonly overload = new Overload(MAX_IN_FLIGHT, MAX_DELAY_MS);
  private turn = 0;

  arrive(nowMs: number, { delayMs = 0, inFlight = 0, weight = WEIGHT } = {}) {
    return this.overload.refuses(inFlight, weight, { nowMs, delayMs, turn: this.turn });
  }

  /** How many are taken of those that the next turn brings. */
  takenOf(count: number, nowMs: number, weight = WEIGHT): number {
    this.turn++;
    const reasons = Array.from({ length: count }, () => this.arrive(nowMs, { weight }));
    return reasons.filter((reason) => !reason).length;
  }
}

function overloadedAt25Ms(): Driven {
  const driven = new Driven();
  driven.arrive(0, { delayMs: LATE_MS });
  driven.arrive(25, { delayMs: LATE_MS });
  return driven;
}

describe('Overload', () => {
  it('refuses what would be one too many in flight', () => {
    const driven = new Driven();
    expect(driven.arrive(0, { inFlight: MAX_IN_FLIGHT - 1 })).toBeUndefined();
    expect(driven.arrive(0, { inFlight: MAX_IN_FLIGHT })).toBe('in_flight');
  });

  it('takes what a hiccup has delayed, however long it was and however much it is', () => {
    const driven = new Driven();
    driven.arrive(0, { delayMs: MAX_DELAY_MS, weight: CROWD });
    for (const nowMs of [1000, 1012, 1024]) expect(driven.arrive(nowMs, { delayMs: 500 })).toBeUndefined();
    driven.arrive(1025, { delayMs: MAX_DELAY_MS });
    expect(driven.arrive(1026, { delayMs: LATE_MS })).toBeUndefined();
  });

  it('refuses once all have been late for 25 ms', () => {
    const driven = new Driven();
    driven.arrive(0, { weight: CROWD });
    expect(driven.arrive(10, { delayMs: LATE_MS })).toBeUndefined();
    expect(driven.arrive(34, { delayMs: LATE_MS })).toBeUndefined();
    expect(driven.arrive(35, { delayMs: LATE_MS })).toBe('event_loop_delay');
  });
});

describe('Overload, from then on', () => {
  it('takes in each turn what fills a third of the places, late or not: refusing only would help nobody', () => {
    const driven = overloadedAt25Ms();
    expect(driven.takenOf(CROWD, 30)).toBe(TAKEN_A_TURN);
    expect(driven.takenOf(CROWD, 40)).toBe(TAKEN_A_TURN);
  });

  it('takes what costs no more than to be refused, also beside what it refuses', () => {
    const driven = overloadedAt25Ms();
    expect(driven.takenOf(CROWD, 30)).toBe(TAKEN_A_TURN);
    expect(driven.arrive(30, { weight: 1 })).toBeUndefined();
    expect(driven.takenOf(CROWD, 40, 1)).toBe(CROWD);
  });

  it('takes fewer of what costs more, and one at least', () => {
    expect(overloadedAt25Ms().takenOf(CROWD, 30, 1 + 3)).toBe(TAKEN_A_TURN / 3);
    expect(overloadedAt25Ms().takenOf(CROWD, 30, 1000)).toBe(1);
  });

  it('is over once nobody was refused for a second', () => {
    const driven = overloadedAt25Ms();
    driven.takenOf(CROWD, 30);
    expect(driven.takenOf(CROWD, 1029)).toBe(TAKEN_A_TURN);
    expect(driven.takenOf(CROWD, 2029)).toBe(CROWD);
  });

  it('must be seen again after ten seconds: refused clients that come back at once would keep it up', () => {
    const driven = overloadedAt25Ms();
    for (let nowMs = 26; nowMs < 10_025; nowMs += 10) expect(driven.takenOf(CROWD, nowMs)).toBe(TAKEN_A_TURN);
    expect(driven.takenOf(CROWD, 10_025)).toBe(CROWD);
    expect(driven.arrive(10_030, { delayMs: LATE_MS })).toBeUndefined();
    expect(driven.arrive(10_055, { delayMs: LATE_MS })).toBe('event_loop_delay');
  });
});
