import { open } from 'node:fs/promises';
import { afterEach } from '@jest/globals';
import type { LogEntry } from '../../src/prediction-log/prediction-record.js';
import type { SegmentFile } from '../../src/prediction-log/spool/segment-writer.js';
import { Spool } from '../../src/prediction-log/spool/spool.js';
import { predictionLogMetrics } from './prediction-log-metrics.js';

interface SpoolOptions {
  maxBytes?: number;
  disk?: FaultyDisk;
}

/** Opens spools, and lets go of them after each test. To be called where hooks may be registered. */
export function spools(): (root: string, options?: SpoolOptions) => Promise<Spool> {
  const opened: Spool[] = [];
  afterEach(async () => {
    for (const spool of opened.splice(0)) await spool.close();
  });
  return async (root, { maxBytes = Infinity, disk } = {}) => {
    const spool = new Spool(root, maxBytes, predictionLogMetrics(), disk?.create);
    await spool.open();
    opened.push(spool);
    return spool;
  };
}

/** What a spool holds, in the order in which it gives it away. */
export async function drained(spool: Spool): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  await spool.drain(
    async (chunk) => void entries.push(...chunk),
    () => true,
  );
  return entries;
}

type Operation = 'create' | keyof SegmentFile;

/** Real files that tell what happens to them, and fail or wait where a spec says so. */
export class FaultyDisk {
  /** Operations as they end, in order. */
  readonly done: string[] = [];
  private readonly faults = new Map<Operation, () => Promise<void>>();

  /** What the operation does before it does its own work, from now on: throw, to fail, or wait. */
  before(operation: Operation, action: () => Promise<void>): void {
    this.faults.set(operation, action);
  }

  heal(): void {
    this.faults.clear();
  }

  readonly create = async (file: string): Promise<SegmentFile> => {
    await this.faults.get('create')?.();
    const handle = await open(file, 'ax');
    return {
      appendFile: (bytes) =>
        this.run('appendFile', () => handle.appendFile(bytes)).catch(async (error: unknown) => {
          // As a full disk does: a part of it is written.
          await handle.appendFile(bytes.subarray(0, bytes.byteLength / 2));
          throw error;
        }),
      datasync: () => this.run('datasync', () => handle.datasync()),
      truncate: (length) => this.run('truncate', () => handle.truncate(length)),
      close: () => this.run('close', () => handle.close()),
    };
  };

  private async run(operation: Operation, work: () => Promise<void>): Promise<void> {
    await this.faults.get(operation)?.();
    await work();
    this.done.push(operation);
  }
}
