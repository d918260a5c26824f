import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectedOf, FIXTURE_MODELS } from '../../../test/support/fixture-models.js';
import type { ModelRunner } from './model-runner.js';
import { OnnxModelRunnerFactory } from './onnx-model-runner.js';

const create = (name: string, declaredWidth?: number) =>
  new OnnxModelRunnerFactory().create(readFileSync(`${FIXTURE_MODELS}/${name}/model.onnx`), declaredWidth);

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
    const together = await runner.score(rows, inputs.length);
    const many = await runner.score(
      Float32Array.from({ length: 3000 * 3 }, (_, i) => rows[i % rows.length]!),
      3000,
    );
    for (let i = 0; i < inputs.length; i++) {
      const [alone] = await runner.score(rows.subarray(i * 3, (i + 1) * 3), 1);
      expect(together[i]).toBe(alone);
      expect(many[2994 + i]).toBe(alone);
    }
  });

  it('finishes the runs in flight before it is disposed of', async () => {
    const disposed = await create('lightgbm-small');
    const inFlight = [disposed.score(rows, inputs.length), disposed.score(rows, inputs.length)];
    await disposed.dispose();
    const [first, second] = await Promise.all(inFlight);
    expect(first).toEqual(second);
  });

  it('refuses a model that was declared with another width, naming both', async () => {
    await expect(create('lightgbm-small', 4)).rejects.toThrow(
      /takes 3 inputs but MLmodel declares 4. Save the model with the signature/,
    );
  });
});
