import type { DeclaredDefault, DefaultClass } from '../default-class.js';

/** What one run of a model gave. */
export interface ModelRun {
  /** `[n]` probabilities of default, as far as {@link isProbability} says so. */
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

/** Where a graph has the probability of default. Plain data: it also travels to worker threads. */
export interface DefaultOutput {
  name: string;
  /** `[N, 2]`, or `[N, 1]` and `[N]`. */
  columns: 1 | 2;
  column: 0 | 1;
}

/**
 * How single rows come to their run. `filled-late`: their tensor is made when the first one comes, and filled until onnxruntime-node
 * reads it, which costs a row no wait. `gathered-first`: they are gathered, and then a tensor is made.
 */
export type SingleRows = 'filled-late' | 'gathered-first';

/** A model that can score rows: the seam between the service and the engine that evaluates the model. */
export interface ModelRunner {
  /** Number of inputs, d. */
  readonly width: number;

  /** Version of the engine: another one may give other last bits. */
  readonly runtimeVersion: string;

  /** How {@link scoreRow} works. */
  readonly singleRows: SingleRows;

  /** From now on rows are `gathered-first`. */
  gatherFirst(): void;

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

/** What has to be known of a model before its graph can be judged. */
export interface RunnerOptions {
  /** Number of inputs that the model's description claims, where it does. */
  declaredWidth: number | undefined;
  declaredDefault: DeclaredDefault;
  /** Rows `[n, width]`, three at least, to run the graph with for the first time. @throws ModelRejectedError */
  trialRows: (width: number) => Float32Array;
}

export interface CreatedRunner {
  runner: ModelRunner;
  output: DefaultOutput;
  defaultClass: DefaultClass;
}

/** Creates runners; a class and not an interface, so that it can be injected. */
export abstract class ModelRunnerFactory {
  /**
   * @param model the bytes of an ONNX file
   * @throws ModelRejectedError when the model cannot be served
   */
  abstract create(model: Uint8Array, options: RunnerOptions): Promise<CreatedRunner>;
}
