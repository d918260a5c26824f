import { describe, expect, it } from '@jest/globals';
import type { ModelRun } from './model-runner.js';
import { SharedRuns } from './shared-runs.js';

/** As onnxruntime-node does: the rows are read by an immediate of this turn of the event loop. */
function inAnImmediate(run: () => ModelRun, begins: () => void): Promise<ModelRun> {
  return new Promise((resolve) => {
    setImmediate(() => {
      begins();
      resolve(run());
    });
  });
}

/** Answers each row with its first value, and notes how many rows each run had. */
function setUp() {
  const runs: number[] = [];
  const shared = new SharedRuns(2, ({ values, shape }, begins) => {
    expect(values).toHaveLength(shape[0] * shape[1]);
    return inAnImmediate(() => {
      const [rowCount, width] = shape;
      runs.push(rowCount);
      return { probabilities: Float32Array.from({ length: rowCount }, (_, i) => values[i * width]!), durationMs: 1 };
    }, begins);
  });
  const score = async (value: number) => {
    const { run, index } = await shared.scoreRow(Float32Array.of(value, 0));
    return run.probabilities[index];
  };
  return { runs, score };
}

const VALUES = Array.from({ length: 130 }, (_, i) => i);

describe('SharedRuns', () => {
  it('gives every row its own score from the run that it shares', async () => {
    const { runs, score } = setUp();
    expect(await Promise.all([3, 1, 2].map(score))).toEqual([3, 1, 2]);
    expect(runs).toEqual([3]);
  });

  it('does not have a row wait for what comes later', async () => {
    const { runs, score } = setUp();
    await score(1);
    await score(2);
    expect(runs).toEqual([1, 1]);
  });

  it('has a row that comes when the run has begun wait for the next one', async () => {
    const { runs, score } = setUp();
    const first = score(1);
    // In the same turn of the event loop, after the run.
    await new Promise(setImmediate);
    const second = score(2);
    expect(await Promise.all([first, second])).toEqual([1, 2]);
    expect(runs).toEqual([1, 1]);
  });

  it('has no more than 64 rows in a run', async () => {
    const { runs, score } = setUp();
    expect(await Promise.all(VALUES.map(score))).toEqual(VALUES);
    expect(runs).toEqual([64, 64, 2]);
  });

  it('fails every row of a run that fails, and no other', async () => {
    let fails = true;
    const shared = new SharedRuns(1, async (_rows, begins) => {
      const run = await inAnImmediate(() => ({ probabilities: Float32Array.of(0.5), durationMs: 1 }), begins);
      if (fails) throw new Error('The run failed.');
      return run;
    });
    const row = Float32Array.of(0);
    const outcomes = await Promise.allSettled([shared.scoreRow(row), shared.scoreRow(row)]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    fails = false;
    await expect(shared.scoreRow(row)).resolves.toMatchObject({ index: 0 });
  });
});
