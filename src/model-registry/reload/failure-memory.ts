import { isRetryable, ModelRejectedError } from '../model-rejected.error.js';
import { isSameTags, type ResolvedVersion } from '../source/model-source.js';

const FIRST_BACKOFF_MS = 1000;
const MAX_BACKOFF_MS = 5 * 60_000;

/** What decides whether a version may serve; when any of it changes, it is worth another try. */
type Candidate = Pick<ResolvedVersion, 'identity' | 'version' | 'expectedDigest' | 'allowSignatureChange' | 'tags'>;

export interface VersionFailure {
  candidate: Candidate;
  reason: string;
  /** False: this version must not serve, and trying again changes nothing. */
  retryable: boolean;
  attempts: number;
  /** Not before this time (Unix milliseconds); Infinity for what is not retryable. */
  retryAt: number;
}

/**
 * Remembers why the version that the source names could not go live, so that it is not tried at every look: never
 * again when it must not serve (or not before the time that the error names), with growing pauses when it could not be
 * had. Forgotten when the source names another.
 */
export class FailureMemory {
  private failure: VersionFailure | undefined;

  get last(): VersionFailure | undefined {
    return this.failure;
  }

  remember(candidate: Candidate, error: Error, nowMs: number): VersionFailure {
    const attempts = this.failure && isSame(this.failure.candidate, candidate) ? this.failure.attempts + 1 : 1;
    const backoffMs = Math.min(FIRST_BACKOFF_MS * 2 ** (attempts - 1), MAX_BACKOFF_MS);
    this.failure = {
      candidate,
      reason: error.message,
      retryable: isRetryable(error),
      attempts,
      retryAt: error instanceof ModelRejectedError ? error.retryAtMs : nowMs + backoffMs,
    };
    return this.failure;
  }

  /** How this version failed, while its time has not come yet. */
  blocking(candidate: Candidate, nowMs: number): VersionFailure | undefined {
    const { failure } = this;
    return failure && isSame(failure.candidate, candidate) && nowMs < failure.retryAt ? failure : undefined;
  }

  forget(): void {
    this.failure = undefined;
  }
}

const isSame = (a: Candidate, b: Candidate): boolean =>
  a.identity === b.identity &&
  a.version === b.version &&
  a.expectedDigest === b.expectedDigest &&
  a.allowSignatureChange === b.allowSignatureChange &&
  isSameTags(a.tags, b.tags);
