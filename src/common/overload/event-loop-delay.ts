import { performance } from 'node:perf_hooks';

/**
 * How long what is read from a socket now may have waited there, because the event loop was busy. No timer samples it: it is
 * what the loop has computed since the turn before this one began, if that one brought something as well. After any other
 * turn nothing can have waited but during this one.
 */
export class EventLoopDelay {
  private turn = -1;
  private startedAt = 0;
  private idleAtStart = 0;
  private waitedMs = 0;
  private isWithinTurn = false;

  /** To be asked for everything that arrives. @returns milliseconds */
  measure(): number {
    const now = performance.now();
    if (!this.isWithinTurn) this.beginTurn(now);
    return this.waitedMs + now - this.startedAt;
  }

  private beginTurn(now: number): void {
    const { uvMetricsInfo, idleTime } = performance.nodeTiming;
    const isNext = uvMetricsInfo.loopCount === this.turn + 1;
    this.waitedMs = isNext ? now - this.startedAt - (idleTime - this.idleAtStart) : 0;
    this.turn = uvMetricsInfo.loopCount;
    this.startedAt = now;
    this.idleAtStart = idleTime;
    this.isWithinTurn = true;
    setImmediate(() => (this.isWithinTurn = false));
  }
}
