/**
 * The part of the places that stays open to late requests: with less in flight, refusing would only leave the service idle,
 * as when other processes keep it from its core, or when refusing alone takes all its time.
 */
const OPEN_TO_LATE = 1 / 16;
/** A hiccup, such as a garbage collection, is over sooner and no reason to refuse anybody. */
const SUSTAINED_MS = 25;
/** Under overload, the part of the limit up to which requests may wait: as many are answered from a short queue as from a long one. */
const UNDER_OVERLOAD = 1 / 4;

export const SHED_REASONS = ['in_flight', 'event_loop_delay'] as const;
export type ShedReason = (typeof SHED_REASONS)[number];

/**
 * Says what to refuse. More requests in flight than the limit are always too many. A delay of the event loop is overload
 * only once nothing has been in time for a while; from then on what waited for a quarter of the limit is refused, until
 * nothing does any more. The idea is CoDel's (RFC 8289): judge by how long things stand in the queue, not by how many.
 */
export class Overload {
  private isOverloaded = false;
  /** Of those that came late, the first since one came in time. */
  private lateSince = Infinity;
  private lastLateAt = -Infinity;

  constructor(
    private readonly maxInFlight: number,
    private readonly maxDelayMs: number,
  ) {}

  /**
   * @param delayMs how long the request has waited for the event loop
   * @param nowMs on any clock that only goes forward
   * @returns undefined for a request that may be answered
   */
  refuses(inFlight: number, delayMs: number, nowMs: number): ShedReason | undefined {
    const isLate = this.isLate(delayMs, nowMs);
    if (inFlight >= this.maxInFlight) return 'in_flight';
    const isCrowded = inFlight >= this.maxInFlight * OPEN_TO_LATE;
    return isLate && isCrowded && this.isOverloaded ? 'event_loop_delay' : undefined;
  }

  private isLate(delayMs: number, nowMs: number): boolean {
    if (delayMs > this.maxDelayMs * (this.isOverloaded ? UNDER_OVERLOAD : 1)) {
      this.lastLateAt = nowMs;
      this.lateSince = Math.min(this.lateSince, nowMs);
      if (nowMs - this.lateSince >= SUSTAINED_MS) this.isOverloaded = true;
      return true;
    }
    this.lateSince = Infinity;
    if (nowMs - this.lastLateAt >= SUSTAINED_MS) this.isOverloaded = false;
    return false;
  }
}
