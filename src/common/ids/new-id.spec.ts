import { describe, expect, it } from '@jest/globals';
import { version } from 'uuid';
import { newId, newIds } from './new-id.js';

describe('newId', () => {
  it('is a UUID v7 that nobody else has', () => {
    const ids = Array.from({ length: 10_000 }, () => newId());
    expect(new Set(ids).size).toBe(10_000);
    expect(new Set(ids.map((id) => version(id)))).toEqual(new Set([7]));
  });

  it('sorts by its time', () => {
    const times = [0, 1, Date.UTC(2026, 10, 24), Date.UTC(2100, 0)];
    const ids = times.map((time) => newId(time));
    expect(ids.toSorted()).toEqual(ids);
  });
});

describe('newIds', () => {
  it('ascends, within one millisecond', () => {
    const ids = newIds(10_000);
    expect(ids.toSorted()).toEqual(ids);
    expect(new Set(ids).size).toBe(10_000);
    expect(new Set(ids.map((id) => id.slice(0, 13))).size).toBe(1);
  });
});
