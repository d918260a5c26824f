import type { ModelRunner } from '../../src/model-registry/runner/model-runner.js';

/** Scores each row with a function instead of a model. */
export class FakeModelRunner implements ModelRunner {
  readonly runtimeVersion = 'fake';
  isDisposed = false;

  constructor(
    readonly width: number,
    private readonly scoreRow: (row: Float32Array) => number = () => 0.5,
  ) {}

  score(rows: Float32Array, rowCount: number): Promise<Float32Array> {
    const row = (i: number) => rows.subarray(i * this.width, (i + 1) * this.width);
    return Promise.resolve(Float32Array.from({ length: rowCount }, (_, i) => this.scoreRow(row(i))));
  }

  dispose(): Promise<void> {
    this.isDisposed = true;
    return Promise.resolve();
  }
}
