import { describe, expect, it } from '@jest/globals';
import { timeArgument } from './time-argument.js';

describe('timeArgument', () => {
  it.each([
    ['2026-11-01', '2026-11-01T00:00:00.000Z'],
    ['2026-11-01T12:30:00Z', '2026-11-01T12:30:00.000Z'],
    ['2026-11-01T12:30:00.5+02:00', '2026-11-01T10:30:00.500Z'],
  ])('takes %s for %s', (text, time) => {
    expect(timeArgument('from', text)?.toISOString()).toBe(time);
  });

  it('is undefined for what was not given', () => {
    expect(timeArgument('from', undefined)).toBeUndefined();
  });

  it.each(['', 'yesterday', '2026-13-01', '2026-02-30', '2026-11-01T12:30:00', '1764000000'])(
    'refuses "%s"',
    (text) => {
      expect(() => timeArgument('to', text)).toThrow(
        '--to must be an ISO 8601 date, or date and time, such as 2026-11-01',
      );
    },
  );

  it('refuses what is earlier than any id', () => {
    expect(() => timeArgument('from', '1969-12-31')).toThrow('--from must not be before 1970');
  });
});
