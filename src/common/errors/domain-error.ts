import type { ErrorCode } from './error-codes.js';

/** One thing that is wrong with an input: where (`data.features.3`) and what. Never the value itself. */
export interface InputIssue {
  path: string;
  message: string;
}

export interface DomainErrorOptions {
  /** What happened and what to do, for a person. Must not carry values that a client sent. */
  detail: string;
  errors?: readonly InputIssue[];
  /** When it makes sense to try again, in seconds. */
  retryAfterSeconds?: number;
  cause?: unknown;
}

/** A failure that the service knows about. `code` says which; transport details follow from it in one table. */
export class DomainError extends Error {
  readonly errors: readonly InputIssue[] | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    readonly code: ErrorCode,
    options: DomainErrorOptions,
  ) {
    super(options.detail, { cause: options.cause });
    this.name = DomainError.name;
    this.errors = options.errors;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}
