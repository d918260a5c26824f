import { describe, expect, it } from '@jest/globals';
import { expectedOf } from '../../../test/support/fixture-models.js';
import { loadFixture } from '../../../test/support/load-fixture.js';
import type { BatchTask } from './batch-pool.js';
import { answer } from './batch.worker.js';

async function taskFor(model: string, body: string): Promise<BatchTask> {
  const { ref, inputs, threshold, output, onnx, runner } = await loadFixture(model);
  await runner.dispose();
  return { body: Buffer.from(body), spec: { ref, inputs, threshold, output }, onnx, records: false };
}

const bodyOf = (rows: unknown[]) => JSON.stringify({ data: rows.map((features) => ({ features })) });

describe('The batch worker', () => {
  it('answers one model after the other', async () => {
    for (const model of ['single-column', 'sklearn-plain', 'xgboost-plain', 'single-column']) {
      const { inputs, probabilities } = expectedOf(model);
      const outcome = await answer(await taskFor(model, bodyOf(inputs)));
      expect(outcome.answer?.run.probabilities).toHaveLength(probabilities.length);
      for (const [i, probability] of probabilities.entries()) {
        expect(outcome.answer?.run.probabilities[i]).toBeCloseTo(probability, 6);
      }
    }
  });

  it('returns a failure that it knows, with what is wrong, since a thrown error would lose its class', async () => {
    const outcome = await answer(await taskFor('single-column', bodyOf([[1, 2, 3, 4], [1]])));
    expect(outcome).toEqual({
      failure: {
        code: 'FEATURES_MISMATCH',
        detail: expect.stringContaining('f0, f1, f2, f3'),
        errors: [{ path: 'data.1.features', message: 'has 1 values, the model takes 4' }],
      },
    });
  });

  it('throws what it does not know', async () => {
    const task = await taskFor('single-column', bodyOf([[1, 2, 3, 4]]));
    const damaged = { ...task.spec, ref: { ...task.spec.ref, digest: 'another' } };
    await expect(answer({ ...task, spec: damaged, onnx: task.onnx.subarray(0, 10) })).rejects.toThrow(/damaged/);
  });
});
