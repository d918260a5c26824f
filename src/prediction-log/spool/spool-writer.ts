import { Logger } from '@nestjs/common';
import type { LogEntry } from '../prediction-record.js';
import { logUnavailable } from '../writer/log-failures.js';
import type { PredictionLogMetrics } from '../writer/prediction-log-metrics.js';
import { encodeEntry } from './entry-codec.js';
import { frame } from './frames.js';
import { type CreateSegmentFile, type FramedEntry, SegmentWriter } from './segment-writer.js';
import type { Segment, SpoolSlot } from './spool-slot.js';

/** A segment that is as large as this is followed by another. */
const SEGMENT_BYTES = 16 * 1024 * 1024;

interface WaitingEntry extends FramedEntry {
  resolve: () => void;
  reject: (error: Error) => void;
}

/**
 * Appends entries to the newest segment of a slot. Those that come while the disk flushes share the next flush, as groups
 * share a commit.
 */
export class SpoolWriter {
  private readonly logger = new Logger(SpoolWriter.name);
  private segment: SegmentWriter | undefined;
  private waiting: WaitingEntry[] = [];
  private waitingBytes = 0;
  private lastTurn: Promise<void> = Promise.resolve();
  private failing = false;

  /** @param onSealed is told of segments that are not written to any more, unless they are empty */
  constructor(
    private readonly slot: SpoolSlot,
    private readonly onSealed: (segment: Segment) => void,
    private readonly metrics: PredictionLogMetrics,
    private readonly createFile: CreateSegmentFile,
  ) {}

  /** In the segment that is written to, and on the way there. */
  get bytes(): number {
    return (this.segment?.bytes ?? 0) + this.waitingBytes;
  }

  /** The segment that is written to, as far as it got. */
  get current(): Segment | undefined {
    return this.segment && this.slot.segment(this.segment.file, this.segment.bytes);
  }

  /**
   * Resolves once the entry is on the disk, flushed.
   *
   * @throws DomainError PREDICTION_LOG_UNAVAILABLE when the disk fails
   */
  append(entry: LogEntry): Promise<void> {
    const framed = { context: entry.context, frame: frame(encodeEntry(entry)) };
    this.waitingBytes += framed.frame.byteLength;
    return new Promise((resolve, reject) => {
      this.waiting.push({ ...framed, resolve, reject });
      // The first that waits asks for a turn; all that have come until then share it.
      if (this.waiting.length === 1) void this.inTurn(() => this.writeWaiting());
    });
  }

  /** Ends the segment once what is being written to it is there, so that it can be drained. */
  seal(): Promise<void> {
    return this.inTurn(() => this.sealSegment());
  }

  private inTurn(action: () => Promise<void>): Promise<void> {
    const outcome = this.lastTurn.then(action);
    this.lastTurn = outcome.catch(() => undefined);
    return outcome;
  }

  private async writeWaiting(): Promise<void> {
    const group = this.waiting;
    this.waiting = [];
    try {
      await this.write(group);
      if (this.failing) this.logger.log('The spool can be written to again');
      this.failing = false;
      for (const { resolve } of group) resolve();
    } catch (error) {
      this.metrics.failed('spool');
      if (!this.failing) this.logger.error('The spool cannot be written to', { reason: (error as Error).message });
      this.failing = true;
      for (const { reject } of group) reject(logUnavailable(error));
    }
    this.waitingBytes -= group.reduce((sum, entry) => sum + entry.frame.byteLength, 0);
  }

  private async write(group: readonly FramedEntry[]): Promise<void> {
    if (this.segment && this.segment.bytes >= SEGMENT_BYTES) await this.sealSegment();
    this.segment ??= await SegmentWriter.create(this.slot.nextFile(), this.createFile);
    try {
      await this.segment.append(group);
    } catch (error) {
      // Nothing is ever written behind what may be torn.
      await this.segment.abandon();
      this.forgetSegment();
      throw error;
    }
  }

  private async sealSegment(): Promise<void> {
    const { segment } = this;
    this.forgetSegment();
    await segment?.close();
  }

  private forgetSegment(): void {
    const { current } = this;
    this.segment = undefined;
    if (current && current.bytes > 0) this.onSealed(current);
  }
}
