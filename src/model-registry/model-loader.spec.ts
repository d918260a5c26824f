import { describe, expect, it } from '@jest/globals';
import { FakeModelRunner } from '../../test/fakes/fake-model-runner.js';
import { expectedOf, FIXTURE_MODELS, REFUSED_MODELS, SERVED_MODELS } from '../../test/support/fixture-models.js';
import { ModelLoader } from './model-loader.js';
import { ModelRejectedError } from './model-rejected.error.js';
import { OnnxModelRunnerFactory } from './runner/onnx-model-runner.js';

const loader = new ModelLoader(new OnnxModelRunnerFactory());
const load = (name: string) => loader.load(`${FIXTURE_MODELS}/${name}`, `file:${name}`);

describe('ModelLoader', () => {
  it.each(SERVED_MODELS)('loads %s, which scores as it does in Python', async (name) => {
    const { runner } = await load(name);
    const { inputs, probabilities } = expectedOf(name);
    const rows = Float32Array.from(inputs.flat(), (value) => value ?? NaN);
    const scores = await runner.score(rows, inputs.length);
    await runner.dispose();
    expect(scores).toHaveLength(probabilities.length);
    for (const [i, probability] of probabilities.entries()) expect(scores[i]).toBeCloseTo(probability, 6);
  });

  it.each(Object.entries(REFUSED_MODELS))('refuses %s, and says how to put it right', async (name, fault) => {
    const refusal = load(name);
    await expect(refusal).rejects.toBeInstanceOf(ModelRejectedError);
    await expect(refusal).rejects.toThrow(fault);
  });

  it('names a model by its metadata, else by its directory, and a version by the digest', async () => {
    const { ref, sourceUri, runner } = await load('single-column');
    await runner.dispose();
    expect(ref).toEqual({
      name: 'single-column',
      version: ref.digest.slice(0, 12),
      alias: null,
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(sourceUri).toBe('file:single-column');
  });

  it('frees the runner of a model that it refuses', async () => {
    const runner = new FakeModelRunner(3, () => NaN);
    const refusing = new ModelLoader({ create: () => Promise.resolve(runner) });
    await expect(refusing.load(`${FIXTURE_MODELS}/lightgbm-small`, 'file:x')).rejects.toThrow(ModelRejectedError);
    expect(runner.isDisposed).toBe(true);
  });
});
