import { readFile } from 'node:fs/promises';
import type { LogEntry } from '../prediction-record.js';
import { SegmentReader } from './segment-reader.js';
import type { Segment } from './spool-slot.js';

/** Rows that are handed on together, unless one entry has more. */
const ROWS_PER_WRITE = 500;

/** Takes entries to where they belong. It may be given those again that it has taken. */
export type WriteEntries = (
  entries: readonly LogEntry[],
  setAside: (entry: LogEntry) => Promise<void>,
) => Promise<void>;

/**
 * Hands on the entries of a segment, in their order and from where the last attempt got to: a crash, or a failure of
 * `write`, has those of one call handed on again.
 *
 * @returns the reader, which says where and why reading ended
 * @throws what `write` throws
 */
export async function drainSegment(segment: Segment, write: WriteEntries): Promise<SegmentReader> {
  const reader = new SegmentReader(await readFile(segment.file));
  const drainedBefore = await segment.slot.drainedOf(segment);
  let drained = drainedBefore;
  for (const entries of reader.chunks(ROWS_PER_WRITE, drainedBefore)) {
    if (drained > drainedBefore) await segment.slot.setDrainedOf(segment, drained);
    await write(entries, (entry) => segment.slot.keepRefused(entry));
    drained += entries.length;
  }
  return reader;
}
