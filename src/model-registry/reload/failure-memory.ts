import { ModelRejectedError } from '../model-rejected.error.js';

const FIRST_BACKOFF_MS = 1000;
const MAX_BACKOFF_MS = 5 * 60_000;

export interface VersionFailure {
  identity: string;
  reason: string;
  /** False: this version must not serve, and trying again changes nothing. */
  retryable: boolean;
  attempts: number;
  /** Not before this time (Unix milliseconds); Infinity for what is not retryable. */
  retryAt: number;
}

/**
 * Remembers why the version that the source names could not go live, so that it is not tried at every look: never
 * again when it must not serve, with growing pauses when it could not be had. Forgotten when the source names another.
 */
export class FailureMemory {
  private failure: VersionFailure | undefined;

  get last(): VersionFailure | undefined {
    return this.failure;
  }

  remember(identity: string, error: Error, nowMs: number): VersionFailure {
    const attempts = this.failure?.identity === identity ? this.failure.attempts + 1 : 1;
    const retryable = !(error instanceof ModelRejectedError);
    const backoffMs = Math.min(FIRST_BACKOFF_MS * 2 ** (attempts - 1), MAX_BACKOFF_MS);
    this.failure = {
      identity,
      reason: error.message,
      retryable,
      attempts,
      retryAt: retryable ? nowMs + backoffMs : Infinity,
    };
    return this.failure;
  }

  /** Whether this version failed and its time has not come yet. */
  blocks(identity: string, nowMs: number): boolean {
    return this.failure?.identity === identity && nowMs < this.failure.retryAt;
  }

  forget(): void {
    this.failure = undefined;
  }
}
