import { describe, expect, it } from '@jest/globals';
import { Overload } from './overload.js';

const LATE_MS = 21;
const IN_TIME_MS = 20;
/** The limits under overload are a quarter. */
const LATE_UNDER_OVERLOAD_MS = 6;
const IN_TIME_UNDER_OVERLOAD_MS = 5;

/** Beyond what is taken whatever it has waited. */
const CROWD = 4;

const overload = () => new Overload(64, 20);

/** An Overload that has seen nothing in time for so long that it refuses. */
function overloaded(): Overload {
  const seen = overload();
  seen.refuses(CROWD, LATE_MS, 0);
  seen.refuses(CROWD, LATE_MS, 25);
  return seen;
}

describe('Overload', () => {
  it('refuses what would be one too many in flight', () => {
    expect(overload().refuses(63, 0, 0)).toBeUndefined();
    expect(overload().refuses(64, 0, 0)).toBe('in_flight');
  });

  it('takes what a hiccup has delayed, however long it was', () => {
    const hiccup = overload();
    hiccup.refuses(CROWD, IN_TIME_MS, 0);
    expect(hiccup.refuses(CROWD, LATE_MS, 1000)).toBeUndefined();
    expect(hiccup.refuses(CROWD, LATE_MS, 1024)).toBeUndefined();
    expect(hiccup.refuses(CROWD, IN_TIME_MS, 1025)).toBeUndefined();
    expect(hiccup.refuses(CROWD, LATE_MS, 1026)).toBeUndefined();
  });

  it('refuses what is late once all have been late for 25 ms', () => {
    const queueing = overload();
    queueing.refuses(CROWD, IN_TIME_MS, 0);
    expect(queueing.refuses(CROWD, LATE_MS, 10)).toBeUndefined();
    expect(queueing.refuses(CROWD, LATE_MS, 34)).toBeUndefined();
    expect(queueing.refuses(CROWD, LATE_MS, 35)).toBe('event_loop_delay');
  });

  it('takes what has waited for less than a quarter of the limit under overload', () => {
    expect(overloaded().refuses(CROWD, IN_TIME_UNDER_OVERLOAD_MS, 30)).toBeUndefined();
    expect(overloaded().refuses(CROWD, LATE_UNDER_OVERLOAD_MS, 30)).toBe('event_loop_delay');
  });

  it('takes what is late while little is in flight: refusing it would help nobody', () => {
    expect(overloaded().refuses(CROWD - 1, LATE_MS, 30)).toBeUndefined();
  });

  it('goes on refusing what is late while there is any', () => {
    const seen = overloaded();
    seen.refuses(CROWD, IN_TIME_UNDER_OVERLOAD_MS, 49);
    expect(seen.refuses(CROWD, LATE_UNDER_OVERLOAD_MS, 50)).toBe('event_loop_delay');
  });

  it('is over once nothing has been late for 25 ms', () => {
    const seen = overloaded();
    seen.refuses(CROWD, IN_TIME_UNDER_OVERLOAD_MS, 50);
    expect(seen.refuses(CROWD, IN_TIME_MS, 55)).toBeUndefined();
  });
});
