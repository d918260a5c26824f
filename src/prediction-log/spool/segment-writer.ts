import { open, rm } from 'node:fs/promises';
import path from 'node:path';
import type { ScoringContext } from '../prediction-record.js';
import { FILE_OF_OWNER, syncDirectory } from './durable-files.js';
import { encodeContext } from './entry-codec.js';
import { frame } from './frames.js';

/** What a segment is written with; a spec puts its own in to see what happens when, and to make it fail. */
export interface SegmentFile {
  appendFile(bytes: Uint8Array): Promise<void>;
  datasync(): Promise<void>;
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
}

export type CreateSegmentFile = (file: string) => Promise<SegmentFile>;

/** @throws Error when the file is there already: no process writes to what another one has begun */
export const createSegmentFile: CreateSegmentFile = (file) => open(file, 'ax', FILE_OF_OWNER);

/** An entry that waits to be written, as a frame. */
export interface FramedEntry {
  context: ScoringContext;
  frame: Buffer;
}

/** Writes one segment. */
export class SegmentWriter {
  private readonly contexts = new Set<string>();
  private length = 0;

  private constructor(
    readonly file: string,
    private readonly handle: SegmentFile,
  ) {}

  /** @throws Error of the file system */
  static async create(file: string, createFile: CreateSegmentFile): Promise<SegmentWriter> {
    const handle = await createFile(file);
    const writer = new SegmentWriter(file, handle);
    try {
      await syncDirectory(path.dirname(file));
    } catch (error) {
      await writer.abandon();
      throw error;
    }
    return writer;
  }

  /** Bytes that are on the disk. */
  get bytes(): number {
    return this.length;
  }

  /**
   * Resolves once the entries are on the disk.
   *
   * @throws Error of the file system, after which there is nothing to do but {@link abandon}
   */
  async append(entries: readonly FramedEntry[]): Promise<void> {
    const bytes = Buffer.concat(entries.flatMap((entry) => this.framesOf(entry)));
    await this.handle.appendFile(bytes);
    await this.handle.datasync();
    this.length += bytes.byteLength;
  }

  close(): Promise<void> {
    return this.handle.close();
  }

  /** Cuts off what a failed append may have left, as far as the disk still obeys: reading copes with a torn end, too. */
  async abandon(): Promise<void> {
    await this.handle.truncate(this.length).catch(() => undefined);
    await this.handle.close().catch(() => undefined);
    if (this.length === 0) await rm(this.file, { force: true }).catch(() => undefined);
  }

  private framesOf({ context, frame: entryFrame }: FramedEntry): Buffer[] {
    if (this.contexts.has(context.id)) return [entryFrame];
    this.contexts.add(context.id);
    return [frame(encodeContext(context)), entryFrame];
  }
}
