import { Logger } from '@nestjs/common';
import type { LogEntry } from '../prediction-record.js';
import { logFull } from '../writer/log-failures.js';
import type { PredictionLogMetrics } from '../writer/prediction-log-metrics.js';
import { drainSegment, type WriteEntries } from './drain-segment.js';
import { createSegmentFile } from './segment-writer.js';
import { SpoolDirectory } from './spool-directory.js';
import type { Segment, SpoolSlot } from './spool-slot.js';
import { SpoolWriter } from './spool-writer.js';

/** What is told of a segment that is set aside. */
const KEPT = {
  damaged: 'A segment of the spool is damaged: it is kept, and not read from there on',
  newer:
    'A segment of the spool is of a newer release: it is kept as damaged, and not read from there on; ' +
    'take .damaged off its name and start that release',
};

/** Entries on the local disk, on their way to PostgreSQL; docs/spool-format.md describes the files. */
export class Spool {
  private readonly logger = new Logger(Spool.name);
  private readonly directory: SpoolDirectory;
  private slot: SpoolSlot | undefined;
  private writer: SpoolWriter | undefined;
  /** What can be drained: of this process and of those before it. */
  private segments: Segment[] = [];

  /**
   * @param root PREDICTION_LOG_SPOOL_DIR
   * @param maxBytes PREDICTION_LOG_SPOOL_MAX_BYTES
   */
  constructor(
    root: string,
    private readonly maxBytes: number,
    private readonly metrics: PredictionLogMetrics,
    private readonly createFile = createSegmentFile,
  ) {
    this.directory = new SpoolDirectory(root);
  }

  /** On the disk, and on the way there. */
  get bytes(): number {
    const sealed = this.segments.reduce((sum, { bytes }) => sum + bytes, 0);
    return sealed + (this.writer?.bytes ?? 0);
  }

  /** When the oldest segment was begun, in milliseconds since the epoch; undefined when there is none. */
  get oldestAt(): number | undefined {
    const current = this.writer?.current;
    const times = [...this.segments, ...(current ? [current] : [])].map(({ createdAtMs }) => createdAtMs);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** @throws Error that names PREDICTION_LOG_SPOOL_DIR when it cannot be written to */
  async open(): Promise<void> {
    this.slot = await this.directory.takeSlot();
    this.writer = new SpoolWriter(this.slot, (segment) => this.segments.push(segment), this.metrics, this.createFile);
    await this.takeOver(this.slot);
    await this.adopt();
  }

  /** Takes over what processes that died have left, where no other process has. */
  async adopt(): Promise<void> {
    for (const slot of await this.directory.takeAbandonedSlots()) await this.takeOver(slot);
  }

  /**
   * Resolves once the entry is on the disk, flushed.
   *
   * @throws DomainError PREDICTION_LOG_FULL; PREDICTION_LOG_UNAVAILABLE when the disk fails
   */
  async append(entry: LogEntry): Promise<void> {
    if (this.bytes >= this.maxBytes) {
      this.metrics.failed('full');
      throw logFull();
    }
    await this.writer!.append(entry);
  }

  /**
   * Hands on what was appended before, in the order of writing, and forgets each segment once all of it was taken.
   *
   * @param write as {@link drainSegment} calls it
   * @param mayBegin asked once it is settled what would be drained: what is appended later is not
   * @returns whether it was drained
   * @throws what `write` throws; the rest stays
   */
  async drain(write: WriteEntries, mayBegin: () => boolean): Promise<boolean> {
    await this.writer!.seal();
    const segments = [...this.segments];
    if (!mayBegin()) return false;
    for (const segment of segments) {
      const { offset, fault } = await drainSegment(segment, write);
      const where = { file: segment.file, offset, bytes: segment.bytes };
      if (fault && fault !== 'torn') {
        await segment.slot.setAside(segment);
        this.metrics.failed('spool');
        this.logger.error(KEPT[fault], where);
      } else {
        await segment.slot.remove(segment);
        if (fault) this.logger.warn('A segment ends in a torn record, of which nobody was told that it is safe', where);
      }
      this.forget(segment);
    }
    return true;
  }

  /** What is not drained is left to the next process. To be called after the last append and drain. */
  async close(): Promise<void> {
    await this.writer?.seal();
    this.directory.releaseAll();
  }

  private async takeOver(slot: SpoolSlot): Promise<void> {
    const segments = await slot.segments();
    if (segments.length === 0) return;
    this.segments.push(...segments);
    const bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0);
    this.logger.warn('Answers of a process that ended are in the spool', { directory: slot.directory, bytes });
  }

  private forget(segment: Segment): void {
    this.segments = this.segments.filter((other) => other !== segment);
    const { slot } = segment;
    if (slot !== this.slot && !this.segments.some((other) => other.slot === slot)) this.directory.release(slot);
  }
}
