import type { LogEntry } from '../prediction-record.js';
import { EntryDecoder, NewerSpoolFormatError } from './entry-codec.js';
import { type FrameFault, readFrame } from './frames.js';

/** Reads a segment once, up to its end or to the first frame that cannot be read. */
export class SegmentReader {
  /** Where reading has got to, in bytes from the segment's beginning. */
  offset = 0;
  /** Why reading ended before the segment did. */
  fault: FrameFault | undefined;

  constructor(private readonly bytes: Buffer) {}

  /**
   * Entries in groups of up to so many rows, but at least one entry; decoded only as they are asked for, since a whole
   * segment at once would hold the event loop for long.
   *
   * @param skip entries to leave out at the beginning
   */
  *chunks(maxRows: number, skip: number): Generator<LogEntry[]> {
    let chunk: LogEntry[] = [];
    let rows = 0;
    for (const entry of this.entries()) {
      if (skip-- > 0) continue;
      if (chunk.length > 0 && rows + entry.rows.length > maxRows) {
        yield chunk;
        chunk = [];
        rows = 0;
      }
      chunk.push(entry);
      rows += entry.rows.length;
    }
    if (chunk.length > 0) yield chunk;
  }

  private *entries(): Generator<LogEntry> {
    const decoder = new EntryDecoder();
    while (this.offset < this.bytes.byteLength) {
      const read = readFrame(this.bytes.subarray(this.offset));
      if (typeof read === 'string') {
        this.fault = read;
        return;
      }
      let entry: LogEntry | undefined;
      try {
        entry = decoder.decode(read.payload);
      } catch (error) {
        // Its checksum is right, so it must not be lost.
        this.fault = error instanceof NewerSpoolFormatError ? 'newer' : 'damaged';
        return;
      }
      this.offset += read.length;
      if (entry) yield entry;
    }
  }
}
