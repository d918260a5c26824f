import { describe, expect, it } from '@jest/globals';
import { FailureLimit } from './failure-limit.js';

const failTimes = (limit: FailureLimit, times: number, nowMs: number, address = '192.0.2.1') =>
  Array.from({ length: times }, () => limit.failed(address, nowMs));

describe('FailureLimit', () => {
  it('lets an address fail ten times a minute, then says how long to wait', () => {
    const limit = new FailureLimit();
    expect(failTimes(limit, 10, 0)).toEqual(Array(10).fill(undefined));
    expect(limit.failed('192.0.2.1', 0)).toBe(60);
    expect(limit.failed('192.0.2.1', 59_001)).toBe(1);
  });

  it('starts anew a minute after the first failure', () => {
    const limit = new FailureLimit();
    failTimes(limit, 11, 0);
    expect(limit.failed('192.0.2.1', 60_000)).toBeUndefined();
  });

  it('counts each address for itself', () => {
    const limit = new FailureLimit();
    failTimes(limit, 11, 0);
    expect(limit.failed('192.0.2.2', 0)).toBeUndefined();
  });

  it('forgets the oldest of more than 10,000 addresses, so that it cannot grow without bound', () => {
    const limit = new FailureLimit();
    failTimes(limit, 10, 0);
    for (let i = 0; i < 10_000; i++) limit.failed(`address-${i}`, 1);
    expect(limit.failed('192.0.2.1', 2)).toBeUndefined();
    expect(failTimes(limit, 10, 2, 'address-9999').at(-1)).toBe(60);
  });
});
