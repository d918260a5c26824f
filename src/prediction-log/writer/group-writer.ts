import type { LogEntry } from '../prediction-record.js';
import type { GroupLane } from './group-lane.js';
import { logUnavailable } from './log-failures.js';
import type { PendingEntries } from './pending-entries.js';
import type { PredictionLogMetrics } from './prediction-log-metrics.js';

/** Longest time that entries wait for a group to fill while a lane is idle: others may hang, as in a long lock. */
const MAX_GATHER_MS = 10;
/** How often deadlines are looked at, in parts of the time that an entry has. */
const SWEEPS_PER_TIMEOUT = 5;

/**
 * Group commit: entries that come while a lane commits are its next group, so an idle service adds no wait and a busy one
 * shares each commit, and each disk flush, among many requests. A second lane commits beside the first once as much waits
 * as that one has in flight; so groups overlap and are large at the same time.
 */
export class GroupWriter {
  private flushing = false;
  private closed = false;
  private gather: NodeJS.Timeout | undefined;
  private readonly sweep: NodeJS.Timeout;

  constructor(
    private readonly entries: PendingEntries,
    private readonly lanes: readonly GroupLane[],
    private readonly metrics: PredictionLogMetrics,
    private readonly commitTimeoutMs: number,
  ) {
    this.sweep = setInterval(() => this.expire(), commitTimeoutMs / SWEEPS_PER_TIMEOUT).unref();
  }

  /** Whether a lane is likely to commit what it is given now. */
  get isAvailable(): boolean {
    return this.lanes.some((lane) => !lane.isFailing);
  }

  /** @throws DomainError PREDICTION_LOG_UNAVAILABLE or PREDICTION_NOT_RECORDED */
  record(entry: LogEntry): Promise<void> {
    const recorded = this.entries.add(entry, performance.now() + this.commitTimeoutMs);
    if (!this.flushing) {
      this.flushing = true;
      // Once everything that the same run of the model scored has been recorded: it shares the group.
      process.nextTick(() => this.flush());
    }
    return recorded;
  }

  async close(): Promise<void> {
    this.closed = true;
    clearInterval(this.sweep);
    clearTimeout(this.gather);
    await Promise.all(this.lanes.map((lane) => lane.close()));
    this.entries.expire(Infinity, logUnavailable);
  }

  private flush(): void {
    this.flushing = false;
    this.beginGroups();
  }

  /**
   * Gives idle lanes what waits. Called whenever one of both may have changed: entries came, a lane ended, or what waited
   * beside an idle lane has waited long enough.
   *
   * @param isGathered whether a group may also be smaller than those in flight
   */
  private beginGroups(isGathered = false): void {
    while (!this.entries.isEmpty && !this.closed) {
      const lane = this.lanes.find(({ isIdle }) => isIdle);
      if (!lane) return;
      if (!isGathered && !this.entries.fillAGroup) {
        this.gather ??= setTimeout(() => this.gathered(), MAX_GATHER_MS);
        return;
      }
      void lane.run().finally(() => this.beginGroups());
    }
  }

  private gathered(): void {
    this.gather = undefined;
    this.beginGroups(true);
  }

  private expire(): void {
    const expired = this.entries.expire(performance.now(), logUnavailable);
    for (let i = 0; i < expired; i++) this.metrics.failed('timeout');
  }
}
