import { describe, expect, it } from '@jest/globals';
import { newId } from '../../common/ids/new-id.js';
import { logEntry } from '../../../test/support/log-entry.js';
import { PendingEntries } from './pending-entries.js';

const late = () => new Error('late');
const at = (time: string) => logEntry({ ids: [newId(Date.parse(time))] });
const NEVER = Infinity;

/** Adds an entry whose failure nobody waits for. */
function add(entries: PendingEntries, entry = logEntry(), deadlineMs = NEVER) {
  const wait = entries.add(entry, deadlineMs);
  wait.catch(() => undefined);
  return wait;
}

describe('PendingEntries', () => {
  it('gives the oldest first, up to a number of rows', () => {
    const entries = new PendingEntries();
    const given = [logEntry({ rows: 2 }), logEntry({ rows: 2 }), logEntry({ rows: 2 })];
    for (const entry of given) void add(entries, entry);
    expect(entries.take(4).map(({ entry }) => entry)).toEqual(given.slice(0, 2));
    expect(entries.take(4).map(({ entry }) => entry)).toEqual(given.slice(2));
    expect(entries.isEmpty).toBe(true);
  });

  it('gives one entry even when it has more rows than asked for', () => {
    const entries = new PendingEntries();
    void add(entries, logEntry({ rows: 9 }));
    expect(entries.take(4)).toHaveLength(1);
  });

  it('gives entries of one UTC month at a time, since a group has one partition', () => {
    const entries = new PendingEntries();
    for (const time of ['2026-10-31T23:59:59.998Z', '2026-10-31T23:59:59.999Z', '2026-11-01T00:00:00Z']) {
      void add(entries, at(time));
    }
    expect(entries.take(100)).toHaveLength(2);
    expect(entries.take(100)).toHaveLength(1);
  });

  it('ends the wait of what is late, and does not give it any more', async () => {
    const entries = new PendingEntries();
    const first = add(entries, logEntry(), 10);
    void add(entries, logEntry(), 20);
    expect(entries.expire(10, late)).toBe(1);
    await expect(first).rejects.toThrow('late');
    expect(entries.take(100)).toHaveLength(1);
  });

  it('counts as unresolved what became late after it was taken, until that is dealt with', async () => {
    const entries = new PendingEntries();
    const wait = add(entries, logEntry(), 10);
    const taken = entries.take(100);
    expect(entries.unresolved).toBe(0);
    expect(entries.expire(10, late)).toBe(1);
    await expect(wait).rejects.toThrow('late');
    expect(entries.unresolved).toBe(1);
    expect(entries.expire(11, late)).toBe(0);
    entries.done(taken);
    expect(entries.unresolved).toBe(0);
  });

  it('counts rows until their wait ends', () => {
    const entries = new PendingEntries();
    void add(entries, logEntry({ rows: 3 }));
    void add(entries, logEntry({ rows: 4 }));
    const [first] = entries.take(3);
    expect(entries.rows).toBe(7);
    entries.settle(first!);
    entries.settle(first!);
    expect(entries.rows).toBe(4);
  });
});
