/** A model that can score rows: the seam between the service and the engine that evaluates the model. */
export interface ModelRunner {
  /** Number of inputs, d. */
  readonly width: number;

  /** Version of the engine: another one may give other last bits. */
  readonly runtimeVersion: string;

  /**
   * Probabilities of class 1 (default).
   *
   * @param rows `[n, d]` in row-major order; NaN is a missing value
   * @returns `[n]`
   */
  score(rows: Float32Array, rowCount: number): Promise<Float32Array>;

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
