import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { logEntry, predictionRow, scoringContextFixture } from '../../../test/support/log-entry.js';
import { drained, FaultyDisk, spools } from '../../../test/support/spools.js';
import { temporaryDirectories } from '../../../test/support/temporary-directory.js';
import { newId } from '../../common/ids/new-id.js';
import { ProcessLock } from '../../common/process-lock.js';
import type { LogEntry } from '../prediction-record.js';
import type { Spool } from './spool.js';

Logger.overrideLogger(false);

const openSpool = spools();
const directories = temporaryDirectories();
let root: string;
beforeEach(() => {
  root = path.join(directories(), 'is', 'made');
});

const ALWAYS = () => true;
const SEGMENT = expect.stringMatching(/^\d{12}-\d+\.spool$/);

const entries = (count: number) => Array.from({ length: count }, () => logEntry());

/** Of one reply with references so long that a handful of them fills a segment. */
const hugeEntry = (): LogEntry => ({
  ...logEntry(),
  batchId: newId(),
  rows: Array.from({ length: 10_000 }, (_, rowIndex) => predictionRow({ rowIndex, reference: 'x'.repeat(500) })),
});

const neverCalled = () => Promise.reject(new Error('not to be called'));

async function diskFull(): Promise<void> {
  throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
}

const filesOf = (slot: number) => readdirSync(path.join(root, String(slot))).toSorted();

async function appendAll(spool: Spool, all: readonly LogEntry[]): Promise<void> {
  for (const entry of all) await spool.append(entry);
}

/** The disk as it is now: what is found after a crash at this moment. */
function crashedCopy(): string {
  const copy = directories();
  cpSync(root, copy, { recursive: true });
  return copy;
}

describe('Spool', () => {
  describe('appending', () => {
    it('resolves after a flush that follows the write, and not before', async () => {
      const disk = new FaultyDisk();
      const spool = await openSpool(root, { disk });
      disk.before('datasync', async () => {
        await turn();
        await turn();
      });
      await spool.append(logEntry()).then(() => disk.done.push('resolved'));
      expect(disk.done).toEqual(['appendFile', 'datasync', 'resolved']);
    });

    it('lets nobody else read what it writes', async () => {
      const spool = await openSpool(root);
      await spool.append(logEntry());
      const [segment] = filesOf(0);
      const modes = ['.', '0', path.join('0', segment!)].map((name) => statSync(path.join(root, name)).mode & 0o077);
      expect(new Set(modes)).toEqual(new Set([0]));
    });

    it('shares one flush among all that come while another is under way', async () => {
      const disk = new FaultyDisk();
      const spool = await openSpool(root, { disk });
      const flush = Promise.withResolvers<void>();
      disk.before('datasync', () => flush.promise);
      const all = entries(51);
      const first = spool.append(all[0]!);
      while (disk.done.length === 0) await turn();
      const others = all.slice(1).map((entry) => spool.append(entry));
      flush.resolve();
      await Promise.all([first, ...others]);
      expect(await drained(spool)).toEqual(all);
      expect(disk.done).toEqual(['appendFile', 'datasync', 'appendFile', 'datasync', 'close']);
    });

    it('keeps every context that entries of a segment name', async () => {
      const spool = await openSpool(root);
      const contexts = ['7', '8', '7'].map((modelVersion) => scoringContextFixture({ modelVersion }));
      const all = contexts.map((context) => logEntry({ context }));
      await appendAll(spool, all);
      expect(await drained(await openSpool(crashedCopy()))).toEqual(all);
    });

    it('begins another segment when one is large, and both can be read', async () => {
      const spool = await openSpool(root);
      const all = Array.from({ length: 4 }, hugeEntry);
      await appendAll(spool, all);
      expect(filesOf(0)).toEqual([SEGMENT, SEGMENT, 'lock']);
      expect(await drained(spool)).toEqual(all);
    });

    it('is refused while the spool is full, and taken again once it was drained', async () => {
      const spool = await openSpool(root, { maxBytes: 1000 });
      const refused: unknown[] = [];
      for (const entry of entries(20)) await spool.append(entry).catch((error: unknown) => refused.push(error));
      expect(refused.length).toBeGreaterThan(10);
      expect(refused[0]).toMatchObject({ code: 'PREDICTION_LOG_FULL', retryAfterSeconds: expect.any(Number) });
      expect(await drained(spool)).toHaveLength(20 - refused.length);
      await expect(spool.append(logEntry())).resolves.toBeUndefined();
    });

    it('counts what is still on its way to the disk when it asks whether the spool is full', async () => {
      const spool = await openSpool(root, { maxBytes: 1000 });
      const outcomes = await Promise.allSettled(entries(20).map((entry) => spool.append(entry)));
      expect(outcomes.filter(({ status }) => status === 'rejected').length).toBeGreaterThan(10);
    });
  });

  describe('on a disk that fails', () => {
    it.each(['appendFile', 'datasync'] as const)(
      'rejects all that share a failing %s, and nothing else',
      async (failing) => {
        const disk = new FaultyDisk();
        const spool = await openSpool(root, { disk });
        const [before, lost, after] = [entries(3), entries(3), entries(3)];
        await appendAll(spool, before);
        disk.before(failing, diskFull);
        const outcomes = await Promise.allSettled(lost.map((entry) => spool.append(entry)));
        const unavailable = { code: 'PREDICTION_LOG_UNAVAILABLE', retryAfterSeconds: expect.any(Number) };
        expect(outcomes.map((outcome) => (outcome as PromiseRejectedResult).reason)).toEqual(
          Array.from(lost, () => expect.objectContaining(unavailable)),
        );
        disk.heal();
        await appendAll(spool, after);
        expect(await drained(spool)).toEqual([...before, ...after]);
        expect(spool.bytes).toBe(0);
        expect(filesOf(0)).toEqual(['lock']);
      },
    );

    it('writes nothing behind a torn record that it could not cut off', async () => {
      const disk = new FaultyDisk();
      const spool = await openSpool(root, { disk });
      const [before, after] = [entries(3), entries(3)];
      await appendAll(spool, before);
      disk.before('appendFile', diskFull);
      disk.before('truncate', diskFull);
      await expect(spool.append(logEntry())).rejects.toMatchObject({ code: 'PREDICTION_LOG_UNAVAILABLE' });
      disk.heal();
      await appendAll(spool, after);
      expect(filesOf(0)).toEqual([SEGMENT, SEGMENT, 'lock']);
      expect(await drained(await openSpool(crashedCopy()))).toEqual([...before, ...after]);
      expect(await drained(spool)).toEqual([...before, ...after]);
    });

    it('rejects what needs a new segment while none can be made, and leaves no empty ones', async () => {
      const disk = new FaultyDisk();
      const spool = await openSpool(root, { disk });
      disk.before('create', diskFull);
      await expect(spool.append(logEntry())).rejects.toMatchObject({ code: 'PREDICTION_LOG_UNAVAILABLE' });
      disk.heal();
      disk.before('appendFile', diskFull);
      await expect(spool.append(logEntry())).rejects.toMatchObject({ code: 'PREDICTION_LOG_UNAVAILABLE' });
      expect(filesOf(0)).toEqual(['lock']);
      disk.heal();
      await expect(spool.append(logEntry())).resolves.toBeUndefined();
    });
  });

  describe('draining', () => {
    it('hands everything on in the order of writing, and leaves nothing', async () => {
      const spool = await openSpool(root);
      const all = entries(1200);
      await Promise.all(all.map((entry) => spool.append(entry)));
      expect(await drained(spool)).toEqual(all);
      expect(spool.bytes).toBe(0);
      expect(spool.oldestAt).toBeUndefined();
      expect(await drained(spool)).toEqual([]);
    });

    it('hands on up to 500 rows together, but an entry as a whole', async () => {
      const spool = await openSpool(root);
      const rows = [300, 200, 1, 600, 499, 2];
      await appendAll(
        spool,
        rows.map((count) => logEntry({ rows: count })),
      );
      const chunks: number[][] = [];
      await spool.drain(async (chunk) => void chunks.push(chunk.map((entry) => entry.rows.length)), ALWAYS);
      expect(chunks).toEqual([[300, 200], [1], [600], [499], [2]]);
    });

    it('leaves what is appended meanwhile to the next time', async () => {
      const spool = await openSpool(root);
      const [before, meanwhile] = [entries(3), entries(3)];
      await appendAll(spool, before);
      const handedOn: LogEntry[] = [];
      await spool.drain(async (chunk) => {
        await appendAll(spool, meanwhile);
        handedOn.push(...chunk);
      }, ALWAYS);
      expect(handedOn).toEqual(before);
      expect(await drained(spool)).toEqual(meanwhile);
    });

    it('waits for a write that is under way, and loses none that come at the same time', async () => {
      const disk = new FaultyDisk();
      const spool = await openSpool(root, { disk });
      const flush = Promise.withResolvers<void>();
      disk.before('datasync', () => flush.promise);
      const all = entries(3);
      const appends = [spool.append(all[0]!)];
      while (disk.done.length === 0) await turn();
      const draining = drained(spool);
      appends.push(spool.append(all[1]!), spool.append(all[2]!));
      flush.resolve();
      await Promise.all(appends);
      expect([...(await draining), ...(await drained(spool))]).toEqual(all);
    });

    it('begins only when it may, and is asked once it is settled what would be drained', async () => {
      const spool = await openSpool(root);
      const all = entries(3);
      await appendAll(spool, all.slice(0, 2));
      expect(await spool.drain(neverCalled, () => false)).toBe(false);
      const handedOn: LogEntry[] = [];
      let late: Promise<void> | undefined;
      await spool.drain(
        async (chunk) => void handedOn.push(...chunk),
        () => {
          late = spool.append(all[2]!);
          return true;
        },
      );
      await late;
      expect(handedOn).toEqual(all.slice(0, 2));
      expect(await drained(spool)).toEqual(all.slice(2));
    });

    it('keeps what could not be handed on, and goes on from there', async () => {
      const spool = await openSpool(root);
      const all = Array.from({ length: 6 }, () => logEntry({ rows: 500 }));
      await appendAll(spool, all);
      const handedOn: LogEntry[] = [];
      const write = async (chunk: readonly LogEntry[]) => {
        if (handedOn.length === 3) throw new Error('PostgreSQL is away');
        handedOn.push(...chunk);
      };
      await expect(spool.drain(write, ALWAYS)).rejects.toThrow('PostgreSQL is away');
      expect(await drained(spool)).toEqual(all.slice(3));
    });

    it('repeats one write at most after a crash, wherever that happens', async () => {
      const spool = await openSpool(root);
      const all = Array.from({ length: 5 }, () => logEntry({ rows: 500 }));
      await appendAll(spool, all);
      const crashes: string[] = [];
      await spool.drain(async () => void crashes.push(crashedCopy()), ALWAYS);
      for (const [written, crash] of crashes.entries()) {
        expect(await drained(await openSpool(crash))).toEqual(all.slice(written));
      }
      expect(crashes).toHaveLength(5);
    });

    it('takes a note of its progress that cannot be read for none', async () => {
      const spool = await openSpool(root);
      const all = Array.from({ length: 3 }, () => logEntry({ rows: 500 }));
      await appendAll(spool, all);
      const [segment] = filesOf(0);
      const copies = ['', 'x', `${segment} `, `${segment} many\n`, `other.spool 2\n`].map((text) => {
        const copy = crashedCopy();
        writeFileSync(path.join(copy, '0', 'drained'), text);
        return copy;
      });
      for (const copy of copies) expect(await drained(await openSpool(copy))).toEqual(all);
    });
  });

  describe('after a restart', () => {
    it('drains what the process before left, before its own', async () => {
      const first = await openSpool(root);
      const all = entries(5);
      await appendAll(first, all.slice(0, 3));
      await first.close();
      const second = await openSpool(root);
      expect(second.bytes).toBe(first.bytes);
      await appendAll(second, all.slice(3));
      expect(await drained(second)).toEqual(all);
    });

    it('never writes to a segment that it finds', async () => {
      const first = await openSpool(root);
      await first.append(logEntry());
      await first.close();
      const [found] = filesOf(0);
      const before = readFileSync(path.join(root, '0', found!));
      const second = await openSpool(root);
      await second.append(logEntry());
      expect(filesOf(0)).toEqual([SEGMENT, SEGMENT, 'lock']);
      expect(filesOf(0)[0]).toBe(found);
      expect(readFileSync(path.join(root, '0', found!))).toEqual(before);
    });

    it('tells when the oldest segment was begun', async () => {
      mkdirSync(path.join(root, '0'), { recursive: true });
      for (const name of ['000000000007-5000.spool', '000000000008-4000.spool']) {
        writeFileSync(path.join(root, '0', name), 'x');
      }
      const spool = await openSpool(root);
      expect(spool.oldestAt).toBe(4000);
      await spool.append(logEntry());
      expect(spool.oldestAt).toBe(4000);
      expect(filesOf(0)[2]).toMatch(/^000000000009-/);
    });

    it('tells the age of what it spools itself', async () => {
      const spool = await openSpool(root);
      const before = Date.now();
      await spool.append(logEntry());
      expect(spool.oldestAt).toBeGreaterThanOrEqual(before);
      expect(spool.oldestAt).toBeLessThanOrEqual(Date.now());
    });
  });

  describe('in a directory that others use too', () => {
    it('keeps to itself, and leaves alone what a living process spooled', async () => {
      const one = await openSpool(root);
      const other = await openSpool(root);
      const all = entries(2);
      await one.append(all[0]!);
      await other.append(all[1]!);
      await other.adopt();
      expect(await drained(other)).toEqual([all[1]]);
      expect(await drained(one)).toEqual([all[0]]);
    });

    it('takes over what a process left that is gone, and lets go of its slot', async () => {
      const gone = await openSpool(root);
      const living = await openSpool(root);
      const all = entries(4);
      await appendAll(gone, all.slice(0, 2));
      await living.append(all[2]!);
      await gone.close();
      await living.adopt();
      await living.adopt();
      expect(living.bytes).toBeGreaterThan(gone.bytes);
      expect((await drained(living)).map(({ rows }) => rows[0]!.id).toSorted()).toEqual(
        all
          .slice(0, 3)
          .map(({ rows }) => rows[0]!.id)
          .toSorted(),
      );
      const next = await openSpool(root);
      await next.append(all[3]!);
      expect(filesOf(0)).toEqual([SEGMENT, 'lock']);
    });

    it('tries the lock of a slot in use every 30 s, and takes over what is there when that is let go', async () => {
      const other = await openSpool(root);
      const [entry] = entries(1);
      await other.append(entry!);
      const now = jest.spyOn(performance, 'now').mockReturnValue(0);
      const take = jest.spyOn(ProcessLock, 'take');
      try {
        const living = await openSpool(root);
        take.mockClear();
        await living.adopt();
        await living.adopt();
        expect(take).not.toHaveBeenCalled();
        now.mockReturnValue(30_000);
        await living.adopt();
        await living.adopt();
        expect(take).toHaveBeenCalledTimes(1);
        await other.close();
        now.mockReturnValue(60_000);
        await living.adopt();
        expect(await drained(living)).toEqual([entry]);
      } finally {
        now.mockRestore();
        take.mockRestore();
      }
    });

    it('shares out slots that were abandoned, each to one process', async () => {
      const gone = await Promise.all(Array.from({ length: 4 }, () => openSpool(root)));
      const all = entries(4);
      await Promise.all(gone.map((spool, i) => spool.append(all[i]!)));
      await Promise.all(gone.map((spool) => spool.close()));
      const heirs = await Promise.all([openSpool(root), openSpool(root)]);
      const found = (await Promise.all(heirs.map((spool) => drained(spool)))).flat();
      expect(found.map(({ rows }) => rows[0]!.id).toSorted()).toEqual(all.map(({ rows }) => rows[0]!.id).toSorted());
    });

    it('does not mind other files there', async () => {
      mkdirSync(path.join(root, 'lost+found'), { recursive: true });
      writeFileSync(path.join(root, 'README'), '');
      const spool = await openSpool(root);
      await expect(spool.adopt()).resolves.toBeUndefined();
    });
  });

  it('does not open where it cannot write, and names the variable', async () => {
    const file = path.join(directories(), 'file');
    writeFileSync(file, '');
    await expect(openSpool(file)).rejects.toThrow(`PREDICTION_LOG_SPOOL_DIR ${file} is not a writable directory`);
  });

  it('does not open where no slot can be locked, and names the variable', async () => {
    jest.spyOn(ProcessLock, 'take').mockReturnValue(undefined);
    await expect(openSpool(root)).rejects.toThrow(
      `PREDICTION_LOG_SPOOL_DIR ${root} has no file locks: name a directory on a local disk.`,
    );
    jest.restoreAllMocks();
  });
});
