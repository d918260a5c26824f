import type { LoopState } from './event-loop.js';

/** A hiccup, such as a garbage collection, is over sooner and no reason to refuse anybody. */
const SUSTAINED_MS = 25;
/** Under overload, the part of the places that a turn fills: as many are answered from a short queue as from a long one. */
const TURN_SHARE = 1 / 3;
/** When clients that were refused are to come back. */
export const RETRY_AFTER_SECONDS = 1;
/** An overload that has refused nobody until they did is over. */
const CALM_MS = 1000 * RETRY_AFTER_SECONDS;
/**
 * How long an overload lasts before it must be seen again: clients that come back at once keep one up that is none, since
 * refused they ask more often than answered.
 */
const LONGEST_MS = 10_000;

export const SHED_REASONS = ['in_flight', 'event_loop_delay'] as const;
export type ShedReason = (typeof SHED_REASONS)[number];

/**
 * Says what to refuse. More requests in flight than there are places are always too many. A delay of the event loop is
 * overload only once nothing has been in time for a while: the idea is CoDel's (RFC 8289), to judge by how long things stand
 * in the queue and not by how many. From then on each turn of the event loop takes on a part of what there are places for
 * and refuses the rest, but not what costs no more to answer than to refuse. So it never does nothing but refuse, however
 * much arrives and whatever keeps it from its core.
 */
export class Overload {
  private isOverloaded = false;
  private beganAt = 0;
  private lastRefusedAt = 0;
  /** Of those that came late, the first since one came in time. */
  private lateSince = Infinity;
  private turn = -1;
  private takenInTurn = 0;

  constructor(
    private readonly maxInFlight: number,
    private readonly maxDelayMs: number,
  ) {}

  /**
   * @param weight what the request costs the event loop, in refusals; it takes as many places, one at least
   * @returns undefined for a request that may be answered
   */
  refuses(inFlight: number, weight: number, loop: Readonly<LoopState>): ShedReason | undefined {
    if (loop.turn !== this.turn) this.beginTurn(loop);
    if (this.isOverloaded ? this.isOver(loop) : this.begins(loop)) this.change(loop);
    if (inFlight >= this.maxInFlight) return 'in_flight';
    const beyondRefusal = weight - 1;
    if (this.isOverloaded && beyondRefusal > 0 && this.takenInTurn >= this.maxInFlight * TURN_SHARE) {
      this.lastRefusedAt = loop.nowMs;
      return 'event_loop_delay';
    }
    this.takenInTurn += beyondRefusal;
    return undefined;
  }

  private beginTurn({ turn }: LoopState): void {
    this.turn = turn;
    this.takenInTurn = 0;
  }

  private begins({ delayMs, nowMs }: LoopState): boolean {
    this.lateSince = delayMs > this.maxDelayMs ? Math.min(this.lateSince, nowMs) : Infinity;
    return nowMs - this.lateSince >= SUSTAINED_MS;
  }

  private isOver({ nowMs }: LoopState): boolean {
    return nowMs - this.lastRefusedAt >= CALM_MS || nowMs - this.beganAt >= LONGEST_MS;
  }

  private change({ nowMs }: LoopState): void {
    this.isOverloaded = !this.isOverloaded;
    this.beganAt = this.lastRefusedAt = nowMs;
    this.lateSince = Infinity;
  }
}
