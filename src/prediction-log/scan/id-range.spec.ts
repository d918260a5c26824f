import { describe, expect, it } from '@jest/globals';
import { newId } from '../../common/ids/new-id.js';
import { idRange, lastIdOfMonth } from './id-range.js';

const isIn = (timeMs: number, { first, last }: ReturnType<typeof idRange>): boolean => {
  const id = newId(timeMs);
  return id >= first && id <= last;
};

describe('idRange', () => {
  it('holds what was made from its beginning until before its end', () => {
    const from = new Date('2026-11-01T00:00:00Z');
    const to = new Date('2026-11-02T00:00:00Z');
    const times = [from.getTime() - 1, from.getTime(), to.getTime() - 1, to.getTime()];
    expect(times.map((time) => isIn(time, idRange(from, to)))).toEqual([false, true, true, false]);
  });

  it.each(['2026-11-01', '2026-10-01'])('refuses to end at %s, where it begins or before', (to) => {
    expect(() => idRange(new Date('2026-11-01'), new Date(to))).toThrow('--from must be the earlier one');
  });

  it('has no bound where no time is given', () => {
    expect(idRange()).toEqual({
      first: '00000000-0000-0000-0000-000000000000',
      last: 'ffffffff-ffff-ffff-ffff-ffffffffffff',
    });
  });
});

describe('lastIdOfMonth', () => {
  it.each([
    ['2026-11-24T12:00:00Z', '2026-12-01T00:00:00Z'],
    ['2026-11-01T00:00:00Z', '2026-12-01T00:00:00Z'],
    ['2026-12-31T23:59:59.999Z', '2027-01-01T00:00:00Z'],
  ])('for %s is the one before %s', (time, nextMonth) => {
    const last = lastIdOfMonth(newId(Date.parse(time)));
    expect(last).toBe(idRange(undefined, new Date(nextMonth)).last);
  });

  it('of the last id of all is that', () => {
    expect(lastIdOfMonth(idRange().last)).toBe(idRange().last);
  });
});
