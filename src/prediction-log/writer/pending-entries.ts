import type { LogEntry } from '../prediction-record.js';
import { inSameMonth } from '../id-time.js';

/**
 * A write that takes no longer than this may overlap an erasure of its subject as if it came after it. Whatever takes longer is
 * held against the erasures once more.
 */
export const ERASURE_OVERLAP_MS = 500;

/** An entry whose reply waits for it. */
export class PendingEntry {
  isSettled = false;
  private readonly addedMs = performance.now();

  /** @param deadlineMs on the clock of `performance.now()` */
  constructor(
    readonly entry: LogEntry,
    readonly deadlineMs: number,
    readonly resolve: () => void,
    readonly reject: (error: Error) => void,
  ) {}

  /** From when on its subject may have been erased since it came; on the clock of `performance.now()`. */
  get lateAfterMs(): number {
    return Math.min(this.deadlineMs, this.addedMs + ERASURE_OVERLAP_MS);
  }
}

/** Entries in the order in which they came, until a lane takes them. Rows are counted until their wait ends. */
export class PendingEntries {
  private readonly waiting: PendingEntry[] = [];
  private readonly groups = new Set<readonly PendingEntry[]>();
  private rowCount = 0;

  get rows(): number {
    return this.rowCount;
  }

  get isEmpty(): boolean {
    return this.waiting.length === 0;
  }

  /**
   * Whether as much waits as a group in flight has on average, so that another one beside it is worth its commit. Without
   * this, groups under load are as small as what one turn of the event loop brings.
   */
  get fillAGroup(): boolean {
    let inFlight = 0;
    for (const group of this.groups) inFlight += group.length;
    return this.waiting.length > 0 && this.waiting.length * this.groups.size >= inFlight;
  }

  /** Entries whose wait has ended, by their deadline, while a lane still has them. */
  get unresolved(): number {
    return [...this.groups].flat().filter(({ isSettled }) => isSettled).length;
  }

  /** @returns when the entry is settled */
  add(entry: LogEntry, deadlineMs: number): Promise<void> {
    this.rowCount += entry.rows.length;
    return new Promise((resolve, reject) => {
      this.waiting.push(new PendingEntry(entry, deadlineMs, resolve, reject));
    });
  }

  /** Ends the wait of an entry; only the first call counts. */
  settle(pending: PendingEntry, error?: Error): void {
    if (pending.isSettled) return;
    pending.isSettled = true;
    this.rowCount -= pending.entry.rows.length;
    if (error) pending.reject(error);
    else pending.resolve();
  }

  /** The oldest entries, of one month and of at most so many rows, but at least one. */
  take(maxRows: number): PendingEntry[] {
    let rows = 0;
    let end = 0;
    for (const { entry } of this.waiting) {
      rows += entry.rows.length;
      if (end > 0 && (rows > maxRows || !inSameMonth(this.waiting[0]!.entry.rows[0]!.id, entry.rows[0]!.id))) break;
      end++;
    }
    const group = this.waiting.splice(0, end);
    this.groups.add(group);
    return group;
  }

  /** What was taken has been dealt with. */
  done(group: readonly PendingEntry[]): void {
    this.groups.delete(group);
  }

  /** Ends the wait of those whose deadline has passed; what no lane has taken yet is not written any more. */
  expire(nowMs: number, error: () => Error): number {
    const inTime = this.waiting.findIndex(({ deadlineMs }) => deadlineMs > nowMs);
    const late = this.waiting.splice(0, inTime === -1 ? this.waiting.length : inTime);
    for (const pending of [...this.groups].flat()) {
      if (pending.deadlineMs <= nowMs && !pending.isSettled) late.push(pending);
    }
    for (const pending of late) this.settle(pending, error());
    return late.length;
  }
}
