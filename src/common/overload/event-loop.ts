import { performance } from 'node:perf_hooks';

/** Of the event loop, as something is read from a socket. */
export interface LoopState {
  nowMs: number;
  /** The turn that is under way, as libuv counts them. */
  turn: number;
  /** How long that which is read may have waited in its socket because the event loop was busy. */
  delayMs: number;
}

/**
 * Says how long what is read from a socket now may have waited there. No timer samples it: it is what the loop has computed
 * since the turn before this one began, if that one brought something as well. After any other turn nothing can have waited
 * but during this one.
 */
export class EventLoop {
  private readonly state: LoopState = { nowMs: 0, turn: -1, delayMs: 0 };
  private startedAt = 0;
  private idleAtStart = 0;
  private turnBeforeMs = 0;
  private isWithinTurn = false;

  /** To be asked for everything that arrives. @returns the same object each time */
  look(): Readonly<LoopState> {
    const { state } = this;
    state.nowMs = performance.now();
    if (!this.isWithinTurn) this.beginTurn();
    state.delayMs = this.turnBeforeMs + state.nowMs - this.startedAt;
    return state;
  }

  private beginTurn(): void {
    const { uvMetricsInfo, idleTime } = performance.nodeTiming;
    const { nowMs, turn } = this.state;
    const isNext = uvMetricsInfo.loopCount === turn + 1;
    this.turnBeforeMs = isNext ? nowMs - this.startedAt - (idleTime - this.idleAtStart) : 0;
    this.state.turn = uvMetricsInfo.loopCount;
    this.startedAt = nowMs;
    this.idleAtStart = idleTime;
    this.isWithinTurn = true;
    setImmediate(() => (this.isWithinTurn = false));
  }
}
