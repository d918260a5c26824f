import type { ModelRun, ModelRunner, RowScore } from '../../src/model-registry/runner/model-runner.js';

/** Scores each row with a function instead of a model. */
export class FakeModelRunner implements ModelRunner {
  readonly runtimeVersion = 'fake';
  readonly singleRows = 'filled-late';
  isDisposed = false;

  constructor(
    readonly width: number,
    private readonly probabilityOf: (row: Float32Array) => number = () => 0.5,
  ) {}

  score(rows: Float32Array, rowCount: number): Promise<ModelRun> {
    const row = (i: number) => rows.subarray(i * this.width, (i + 1) * this.width);
    const probabilities = Float32Array.from({ length: rowCount }, (_, i) => this.probabilityOf(row(i)));
    return Promise.resolve({ probabilities, durationMs: 0.1 });
  }

  async scoreRow(row: Float32Array): Promise<RowScore> {
    return { run: await this.score(row, 1), index: 0 };
  }

  gatherFirst(): void {}

  dispose(): Promise<void> {
    this.isDisposed = true;
    return Promise.resolve();
  }
}
