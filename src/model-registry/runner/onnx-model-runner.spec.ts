import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectedOf, FIXTURE_MODELS } from '../../../test/support/fixture-models.js';
import { keepBusy } from '../../../test/support/keep-busy.js';
import type { ModelRunner } from './model-runner.js';
import { OnnxModelRunnerFactory } from './onnx-model-runner.js';

async function create(name: string, declaredWidth?: number): Promise<ModelRunner> {
  const { runner } = await new OnnxModelRunnerFactory().create(readFileSync(`${FIXTURE_MODELS}/${name}/model.onnx`), {
    declaredWidth,
    declaredDefault: undefined,
    trialRows: (width) => new Float32Array(3 * width),
  });
  return runner;
}

describe('OnnxModelRunner', () => {
  let runner: ModelRunner;
  const { inputs } = expectedOf('lightgbm-small');
  const rows = Float32Array.from(inputs.flat(), (value) => value ?? NaN);

  beforeAll(async () => {
    runner = await create('lightgbm-small');
  });
  afterAll(() => runner.dispose());

  it('knows its width from the graph', () => {
    expect(runner.width).toBe(3);
  });

  it('gives a row the same bits alone, in a batch and at any place in it', async () => {
    const { probabilities: together } = await runner.score(rows, inputs.length);
    const { probabilities: many } = await runner.score(
      Float32Array.from({ length: 3000 * 3 }, (_, i) => rows[i % rows.length]!),
      3000,
    );
    for (let i = 0; i < inputs.length; i++) {
      const { run, index } = await runner.scoreRow(rows.subarray(i * 3, (i + 1) * 3));
      const alone = run.probabilities[index];
      expect(together[i]).toBe(alone);
      expect(many[2994 + i]).toBe(alone);
    }
  });

  it('scores the rows of one turn of the event loop in one run', async () => {
    const scores = await Promise.all(inputs.map((_, i) => runner.scoreRow(rows.subarray(i * 3, (i + 1) * 3))));
    expect(new Set(scores.map(({ run }) => run)).size).toBe(1);
    const { probabilities } = await runner.score(rows, inputs.length);
    expect(scores.map(({ run, index }) => run.probabilities[index])).toEqual([...probabilities]);
  });

  it('scores a row that comes when a run has begun in the next one', async () => {
    const first = runner.scoreRow(rows.subarray(0, 3));
    await new Promise(setImmediate);
    const second = runner.scoreRow(rows.subarray(3, 6));
    const scores = await Promise.all([first, second]);
    const { probabilities } = await runner.score(rows, inputs.length);
    expect(scores.map(({ run, index }) => run.probabilities[index])).toEqual([...probabilities.subarray(0, 2)]);
    expect(scores[0].run).not.toBe(scores[1].run);
  });

  it('times a run without what the event loop does before it', async () => {
    const busyMs = 50;
    const scored = runner.score(rows, inputs.length);
    keepBusy(busyMs);
    const { durationMs } = await scored;
    expect(durationMs).toBeGreaterThan(0);
    expect(durationMs).toBeLessThan(busyMs);
  });

  it('finishes the runs in flight before it is disposed of', async () => {
    const disposed = await create('lightgbm-small');
    const inFlight = [disposed.score(rows, inputs.length), disposed.score(rows, inputs.length)];
    await disposed.dispose();
    const [first, second] = await Promise.all(inFlight);
    expect(first!.probabilities).toEqual(second!.probabilities);
  });

  it('scores the rows that wait for their run before it is disposed of', async () => {
    const disposed = await create('lightgbm-small');
    const waiting = disposed.scoreRow(rows.subarray(0, 3));
    await disposed.dispose();
    expect((await waiting).run.probabilities).toHaveLength(1);
  });

  it('scores the rows of full runs too before it is disposed of', async () => {
    const disposed = await create('lightgbm-small');
    const waiting = Array.from({ length: 128 }, () => disposed.scoreRow(rows.subarray(0, 3)));
    await disposed.dispose();
    const runs = new Set((await Promise.all(waiting)).map(({ run }) => run));
    expect(Array.from(runs, ({ probabilities }) => probabilities.length)).toEqual([64, 64]);
  });

  it('refuses a model that was declared with another width, naming both', async () => {
    await expect(create('lightgbm-small', 4)).rejects.toThrow(
      /takes 3 inputs but MLmodel declares 4. Save the model with the signature/,
    );
  });
});
