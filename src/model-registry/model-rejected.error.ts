/**
 * A model that must not serve. The message is one line: what is wrong with the model and how to put it right.
 */
export class ModelRejectedError extends Error {
  /** When another try of the same version may end otherwise, in Unix milliseconds; Infinity: never. */
  readonly retryAtMs: number;

  constructor(message: string, { retryAtMs = Infinity, ...options }: ErrorOptions & { retryAtMs?: number } = {}) {
    super(message, options);
    this.name = ModelRejectedError.name;
    this.retryAtMs = retryAtMs;
  }
}

/** Whether trying the same again can help. */
export const isRetryable = (error: Error): boolean =>
  !(error instanceof ModelRejectedError) || error.retryAtMs !== Infinity;
