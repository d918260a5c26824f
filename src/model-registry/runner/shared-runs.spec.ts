import { describe, expect, it } from '@jest/globals';
import { SharedRuns } from './shared-runs.js';

/** Answers each row with its first value, and notes how many rows each run had. */
function setUp() {
  const runs: number[] = [];
  const shared = new SharedRuns(async (rows, rowCount) => {
    runs.push(rowCount);
    const width = rows.length / rowCount;
    return { probabilities: Float32Array.from({ length: rowCount }, (_, i) => rows[i * width]!), durationMs: 1 };
  });
  const score = async (value: number) => {
    const { run, index } = await shared.scoreRow(Float32Array.of(value, 0));
    return run.probabilities[index];
  };
  return { runs, score, shared };
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

  it('has no more than 64 rows in a run', async () => {
    const { runs, score } = setUp();
    expect(await Promise.all(VALUES.map(score))).toEqual(VALUES);
    expect(runs).toEqual([64, 64, 2]);
  });

  it('fails every row of a run that fails, and no other', async () => {
    let fails = true;
    const shared = new SharedRuns(async () => {
      if (fails) throw new Error('The run failed.');
      return { probabilities: Float32Array.of(0.5), durationMs: 1 };
    });
    const row = Float32Array.of(0);
    const outcomes = await Promise.allSettled([shared.scoreRow(row), shared.scoreRow(row)]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    fails = false;
    await expect(shared.scoreRow(row)).resolves.toMatchObject({ index: 0 });
  });

  it('knows when no row waits any more', async () => {
    const { runs, score, shared } = setUp();
    await shared.gathered();
    void score(1);
    await shared.gathered();
    expect(runs).toEqual([1]);
  });

  it('knows it of full runs too', async () => {
    const { runs, score, shared } = setUp();
    for (const value of VALUES.slice(0, 128)) void score(value);
    await shared.gathered();
    expect(runs).toEqual([64, 64]);
  });
});
