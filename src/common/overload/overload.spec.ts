import { describe, expect, it } from '@jest/globals';
import { Overload } from './overload.js';

const LATE_MS = 21;
const IN_TIME_MS = 20;

/** Beyond what is taken whatever it has waited. */
const CROWD = 2;

const overload = () => new Overload(16, 20);

/** An Overload that has seen nothing in time for so long that it refuses. */
function overloaded(): Overload {
  const seen = overload();
  seen.refuses(CROWD, IN_TIME_MS, 0);
  seen.refuses(CROWD, LATE_MS, 100);
  return seen;
}

describe('Overload', () => {
  it('refuses what would be one too many in flight', () => {
    expect(overload().refuses(15, 0, 0)).toBeUndefined();
    expect(overload().refuses(16, 0, 0)).toBe('in_flight');
  });

  it('takes what a hiccup has delayed', () => {
    const hiccup = overload();
    hiccup.refuses(CROWD, IN_TIME_MS, 0);
    expect(hiccup.refuses(CROWD, LATE_MS, 99)).toBeUndefined();
    expect(hiccup.refuses(CROWD, IN_TIME_MS, 100)).toBeUndefined();
    expect(hiccup.refuses(CROWD, LATE_MS, 199)).toBeUndefined();
  });

  it('refuses what is late once nothing has been in time for 100 ms', () => {
    const queueing = overload();
    queueing.refuses(CROWD, IN_TIME_MS, 0);
    expect(queueing.refuses(CROWD, LATE_MS, 50)).toBeUndefined();
    expect(queueing.refuses(CROWD, LATE_MS, 100)).toBe('event_loop_delay');
  });

  it('takes what is in time under overload', () => {
    expect(overloaded().refuses(CROWD, IN_TIME_MS, 110)).toBeUndefined();
  });

  it('takes what is late while little is in flight: refusing it would help nobody', () => {
    expect(overloaded().refuses(CROWD - 1, LATE_MS, 110)).toBeUndefined();
  });

  it('goes on refusing what is late while there is any', () => {
    const seen = overloaded();
    seen.refuses(CROWD, IN_TIME_MS, 199);
    expect(seen.refuses(CROWD, LATE_MS, 200)).toBe('event_loop_delay');
  });

  it('is over once nothing has been late for 100 ms', () => {
    const seen = overloaded();
    seen.refuses(CROWD, IN_TIME_MS, 200);
    expect(seen.refuses(CROWD, LATE_MS, 210)).toBeUndefined();
  });
});
