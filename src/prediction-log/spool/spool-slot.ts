import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ProcessLock } from '../../common/process-lock.js';
import type { LogEntry } from '../prediction-record.js';
import { makeDirectory, replaceFile, syncDirectory } from './durable-files.js';
import { encodeContext, encodeEntry } from './entry-codec.js';
import { frame } from './frames.js';

const SEGMENT = /^(\d{12})-(\d+)\.spool$/;
const SEQUENCE_DIGITS = 12;

/** A file of the spool that is not written to any more. */
export interface Segment {
  slot: SpoolSlot;
  file: string;
  bytes: number;
  /** Milliseconds since the epoch. */
  createdAtMs: number;
}

/**
 * A directory of the spool that one process at a time may use; what a dead one left in it falls to the next.
 *
 *     lock                             held while a process uses the slot
 *     SEQUENCE-CREATED.spool           a segment: its place in the order of writing, and milliseconds since the epoch
 *     SEQUENCE-CREATED.spool.damaged   a segment that could not be read to its end
 *     ID.refused                       an entry that PostgreSQL refuses, by the id of its first row
 *     drained                          name of a segment, and how many of its entries were handed on
 */
export class SpoolSlot {
  private constructor(
    readonly directory: string,
    private readonly lock: ProcessLock,
    private sequence: number,
  ) {}

  /**
   * @returns undefined when another process uses the slot
   * @throws Error when the directory cannot be made or written to
   */
  static async take(directory: string): Promise<SpoolSlot | undefined> {
    await makeDirectory(directory);
    const lock = ProcessLock.take(path.join(directory, 'lock'));
    if (!lock) return undefined;
    try {
      const probe = path.join(directory, 'probe');
      await writeFile(probe, '', { flush: true });
      await rm(probe);
      const newest = (await segmentNames(directory)).at(-1);
      return new SpoolSlot(directory, lock, newest === undefined ? 0 : parseName(newest).sequence);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** Path for the segment that comes next. */
  nextFile(): string {
    const sequence = String(++this.sequence).padStart(SEQUENCE_DIGITS, '0');
    return path.join(this.directory, `${sequence}-${Date.now()}.spool`);
  }

  /** A segment that is not written to any more. */
  segment(file: string, bytes: number): Segment {
    return { slot: this, file, bytes, createdAtMs: parseName(path.basename(file)).createdAtMs };
  }

  /** What is there, in the order of writing. */
  async segments(): Promise<Segment[]> {
    const files = (await segmentNames(this.directory)).map((name) => path.join(this.directory, name));
    return Promise.all(files.map(async (file) => this.segment(file, (await stat(file)).size)));
  }

  /** How many entries of a segment were handed on. */
  async drainedOf({ file }: Segment): Promise<number> {
    // A progress that cannot be read is none: entries that are handed on again do no harm.
    const text = await readFile(this.progressFile, 'utf8').catch(() => '');
    const [name, entries] = text.split(' ');
    return name === path.basename(file) ? Number.parseInt(entries ?? '', 10) || 0 : 0;
  }

  setDrainedOf({ file }: Segment, entries: number): Promise<void> {
    return replaceFile(this.progressFile, `${path.basename(file)} ${entries}\n`);
  }

  async remove({ file }: Segment): Promise<void> {
    await rm(file);
    await syncDirectory(this.directory);
  }

  /** Keeps a segment for a person to look at. */
  async setAside({ file }: Segment): Promise<void> {
    await rename(file, `${file}.damaged`);
    await syncDirectory(this.directory);
  }

  /** Keeps an entry that PostgreSQL refuses, in the form of a segment. */
  async keepRefused(entry: LogEntry): Promise<void> {
    const bytes = Buffer.concat([frame(encodeContext(entry.context)), frame(encodeEntry(entry))]);
    await replaceFile(path.join(this.directory, `${entry.rows[0]!.id}.refused`), bytes);
    await syncDirectory(this.directory);
  }

  release(): void {
    this.lock.release();
  }

  private get progressFile(): string {
    return path.join(this.directory, 'drained');
  }
}

/** In the order of writing. */
export async function segmentNames(directory: string): Promise<string[]> {
  return (await readdir(directory)).filter((name) => SEGMENT.test(name)).toSorted();
}

function parseName(name: string): { sequence: number; createdAtMs: number } {
  const [, sequence, createdAtMs] = SEGMENT.exec(name)!;
  return { sequence: Number(sequence), createdAtMs: Number(createdAtMs) };
}
