import { describe, expect, it } from '@jest/globals';
import { Overload } from './overload.js';

const LATE_MS = 21;
const IN_TIME_MS = 20;

const overload = () => new Overload(2, 20);

/** An Overload that has seen nothing in time for so long that it refuses. */
function overloaded(): Overload {
  const seen = overload();
  seen.refuses(0, IN_TIME_MS, 0);
  seen.refuses(0, LATE_MS, 100);
  return seen;
}

describe('Overload', () => {
  it('refuses what would be one too many in flight', () => {
    expect(overload().refuses(1, 0, 0)).toBeUndefined();
    expect(overload().refuses(2, 0, 0)).toBe('in_flight');
  });

  it('takes what a hiccup has delayed', () => {
    const hiccup = overload();
    hiccup.refuses(0, IN_TIME_MS, 0);
    expect(hiccup.refuses(0, LATE_MS, 99)).toBeUndefined();
    expect(hiccup.refuses(0, IN_TIME_MS, 100)).toBeUndefined();
    expect(hiccup.refuses(0, LATE_MS, 199)).toBeUndefined();
  });

  it('refuses what is late once nothing has been in time for 100 ms', () => {
    const queueing = overload();
    queueing.refuses(0, IN_TIME_MS, 0);
    expect(queueing.refuses(0, LATE_MS, 50)).toBeUndefined();
    expect(queueing.refuses(0, LATE_MS, 100)).toBe('event_loop_delay');
  });

  it('takes what is in time under overload', () => {
    expect(overloaded().refuses(0, IN_TIME_MS, 110)).toBeUndefined();
  });

  it('goes on refusing what is late while there is any', () => {
    const seen = overloaded();
    seen.refuses(0, IN_TIME_MS, 199);
    expect(seen.refuses(0, LATE_MS, 200)).toBe('event_loop_delay');
  });

  it('is over once nothing has been late for 100 ms', () => {
    const seen = overloaded();
    seen.refuses(0, IN_TIME_MS, 200);
    expect(seen.refuses(0, LATE_MS, 210)).toBeUndefined();
  });
});
