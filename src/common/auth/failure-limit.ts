const WINDOW_MS = 60_000;
const MAX_FAILURES = 10;
/** Addresses that are remembered; beyond that the oldest is forgotten, so that memory is bounded. */
const MAX_ADDRESSES = 10_000;

/** Counts failures per address in a window of one minute that begins with the first. */
export class FailureLimit {
  private readonly windows = new Map<string, { endsAtMs: number; failures: number }>();

  /** @returns seconds until the address may fail again; undefined when it still may */
  failed(address: string, nowMs: number): number | undefined {
    let window = this.windows.get(address);
    if (!window || window.endsAtMs <= nowMs) {
      window = { endsAtMs: nowMs + WINDOW_MS, failures: 0 };
      this.windows.delete(address);
      this.windows.set(address, window);
      this.forgetOldest();
    }
    window.failures++;
    return window.failures > MAX_FAILURES ? Math.ceil((window.endsAtMs - nowMs) / 1000) : undefined;
  }

  private forgetOldest(): void {
    if (this.windows.size <= MAX_ADDRESSES) return;
    const [oldest] = this.windows.keys();
    if (oldest !== undefined) this.windows.delete(oldest);
  }
}
