import { describe, expect, it } from '@jest/globals';
import { RecentIds } from './recent-ids.js';

describe('RecentIds', () => {
  it('knows an id that it has seen', () => {
    const ids = new RecentIds();
    expect([ids.add('a'), ids.add('b'), ids.add('a')]).toEqual([true, true, false]);
  });

  it('forgets the oldest beyond a thousand, so that it cannot grow without bound', () => {
    const ids = new RecentIds();
    for (let i = 0; i <= 1000; i++) ids.add(String(i));
    expect(ids.add('1')).toBe(false);
    expect(ids.add('0')).toBe(true);
  });
});
