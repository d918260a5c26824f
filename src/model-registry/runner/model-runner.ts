/** What one run of a model gave. */
export interface ModelRun {
  /** `[n]` probabilities of class 1 (default), as far as {@link isProbability} says so. */
  probabilities: Float32Array;
  /** Without the wait for the run's turn. */
  durationMs: number;
}

/** Some models overflow, or take a logarithm of what they should not. */
export const isProbability = (score: number): boolean => score >= 0 && score <= 1;

/** One row of a run that others may share. */
export interface RowScore {
  run: ModelRun;
  /** Of the row in the run. */
  index: number;
}

/** A model that can score rows: the seam between the service and the engine that evaluates the model. */
export interface ModelRunner {
  /** Number of inputs, d. */
  readonly width: number;

  /** Version of the engine: another one may give other last bits. */
  readonly runtimeVersion: string;

  /**
   * Scores rows in a run of their own.
   *
   * @param rows `[n, d]` in row-major order; NaN is a missing value
   */
  score(rows: Float32Array, rowCount: number): Promise<ModelRun>;

  /**
   * Scores one row in a run that it may share with others. The row counts as in flight from the call on.
   *
   * @param row `[d]`; NaN is a missing value
   */
  scoreRow(row: Float32Array): Promise<RowScore>;

  /** Waits for the runs in flight, then frees the model's memory. Nothing may be scored afterwards. */
  dispose(): Promise<void>;
}

/** Creates runners; a class and not an interface, so that it can be injected. */
export abstract class ModelRunnerFactory {
  /**
   * @param model the bytes of an ONNX file
   * @param declaredWidth number of inputs that the model's description claims, where it does
   * @throws ModelRejectedError when the model cannot be served
   */
  abstract create(model: Uint8Array, declaredWidth: number | undefined): Promise<ModelRunner>;
}
