import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { logEntry } from '../../../test/support/log-entry.js';
import { drained, spools } from '../../../test/support/spools.js';
import { temporaryDirectories } from '../../../test/support/temporary-directory.js';
import type { LogEntry } from '../prediction-record.js';
import { PredictionLogMetrics } from '../writer/prediction-log-metrics.js';
import { encodeContext, encodeEntry } from './entry-codec.js';
import { frame } from './frames.js';
import { SegmentReader } from './segment-reader.js';

Logger.overrideLogger(false);

const openSpool = spools();
const directories = temporaryDirectories();
afterEach(() => {
  jest.restoreAllMocks();
});

const entries = [logEntry(), logEntry(), logEntry()];
const frames = [encodeContext(entries[0]!.context), ...entries.map((entry) => encodeEntry(entry))].map(frame);
const segment = Buffer.concat(frames);
/** Where each frame ends. */
const ends = frames.map((_, i) => Buffer.concat(frames.slice(0, i + 1)).byteLength);
const NAMES = ['000000000001-1700000000000.spool', '000000000002-1700000000001.spool'];

/** A spool in which a process that is gone left these segments. */
function left(...segments: Buffer[]): string {
  const root = directories();
  mkdirSync(path.join(root, '0'));
  for (const [i, bytes] of segments.entries()) writeFileSync(path.join(root, '0', NAMES[i]!), bytes);
  return root;
}

const filesOf = (root: string) => readdirSync(path.join(root, '0')).toSorted();

/** What a reader finds, and why it stops. */
function read(bytes: Buffer): { found: LogEntry[]; fault: SegmentReader['fault']; offset: number } {
  const reader = new SegmentReader(bytes);
  const found = [...reader.chunks(1, 0)].flat();
  return { found, fault: reader.fault, offset: reader.offset };
}

/** The entries of the frames that lie before a byte. */
const entriesBefore = (at: number) => entries.slice(0, Math.max(0, ends.filter((end) => end <= at).length - 1));

describe('A segment that ends in a torn record', () => {
  it('is read up to there, wherever the record was cut', async () => {
    const lastBegins = ends.at(-2)!;
    for (let length = lastBegins; length < segment.byteLength; length++) {
      const root = left(segment.subarray(0, length));
      const spool = await openSpool(root);
      expect(await drained(spool)).toEqual(entries.slice(0, 2));
      expect(spool.bytes).toBe(0);
      expect(filesOf(root)).toEqual(['lock']);
    }
  });

  it('is read up to there also when it was cut in an earlier record, or in its context', () => {
    for (let length = 0; length < segment.byteLength; length++) {
      const fault = length === 0 || ends.includes(length) ? undefined : 'torn';
      expect(read(segment.subarray(0, length))).toMatchObject({ found: entriesBefore(length), fault });
    }
  });

  it('is read up to where the file grew and nothing was written', () => {
    const grown = Buffer.concat([segment, Buffer.alloc(4096)]);
    expect(read(grown)).toEqual({ found: entries, fault: 'torn', offset: segment.byteLength });
  });

  it('does not keep those behind it from being read', async () => {
    const spool = await openSpool(left(segment.subarray(0, -1), segment));
    expect(await drained(spool)).toEqual([...entries.slice(0, 2), ...entries]);
  });

  it('is warned of', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn');
    const root = left(segment.subarray(0, -1));
    await drained(await openSpool(root));
    const where = { file: path.join(root, '0', NAMES[0]!), offset: ends.at(-2), bytes: segment.byteLength - 1 };
    expect(warn).toHaveBeenLastCalledWith(expect.stringContaining('torn'), where);
  });
});

describe('A segment that is damaged', () => {
  it('is read up to the damage, whichever byte it is in', () => {
    for (let at = 0; at < segment.byteLength; at++) {
      const damaged = Buffer.from(segment);
      damaged[at]! ^= 0x20;
      expect(read(damaged)).toMatchObject({ found: entriesBefore(at), fault: 'damaged' });
    }
  });

  it('is moved aside as it is once the records before were handed on, and those behind it are read', async () => {
    const damaged = Buffer.from(segment);
    damaged[ends[1]! + 20]! ^= 0x20;
    const root = left(damaged, segment);
    const spool = await openSpool(root);
    expect(await drained(spool)).toEqual([entries[0], ...entries]);
    expect(filesOf(root)).toEqual([`${NAMES[0]}.damaged`, 'lock']);
    expect(readFileSync(path.join(root, '0', `${NAMES[0]}.damaged`))).toEqual(damaged);
    expect(spool.bytes).toBe(0);
  });

  it('is counted, and told of as an error that says where', async () => {
    const failed = jest.spyOn(PredictionLogMetrics.prototype, 'failed');
    const error = jest.spyOn(Logger.prototype, 'error');
    const damaged = Buffer.from(segment);
    damaged[ends[2]! + 20]! ^= 0x20;
    const root = left(damaged);
    await drained(await openSpool(root));
    expect(failed.mock.calls).toEqual([['spool']]);
    expect(error.mock.calls).toEqual([
      [
        expect.stringContaining('damaged'),
        { file: path.join(root, '0', NAMES[0]!), offset: ends[2], bytes: segment.byteLength },
      ],
    ]);
  });

  it('is told of as of a newer release when it says so, and kept the same', async () => {
    const error = jest.spyOn(Logger.prototype, 'error');
    const root = left(Buffer.concat([segment, frame(Buffer.from('{"v":3,"content":{}}'))]));
    expect(await drained(await openSpool(root))).toEqual(entries);
    expect(filesOf(root)).toEqual([`${NAMES[0]}.damaged`, 'lock']);
    expect(error).toHaveBeenCalledWith(expect.stringContaining('is of a newer release'), expect.anything());
  });

  it.each(['{"outcome":{}}', '{"entry":{}}', 'null', '{', ''])(
    'is also one whose checksums are right, but which says what is not known: %s',
    async (payload) => {
      const root = left(Buffer.concat([segment, frame(Buffer.from(payload))]));
      expect(await drained(await openSpool(root))).toEqual(entries);
      expect(filesOf(root)).toEqual([`${NAMES[0]}.damaged`, 'lock']);
    },
  );
});
