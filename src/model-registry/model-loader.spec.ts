import { describe, expect, it } from '@jest/globals';
import { FakeModelRunner } from '../../test/fakes/fake-model-runner.js';
import { expectedOf, REFUSED_MODELS, SERVED_MODELS } from '../../test/support/fixture-models.js';
import { loadFixture } from '../../test/support/load-fixture.js';
import { ModelLoader } from './model-loader.js';
import { ModelRejectedError } from './model-rejected.error.js';

describe('ModelLoader', () => {
  it.each(SERVED_MODELS)('loads %s, which scores as it does in Python', async (name) => {
    const { runner } = await loadFixture(name);
    const { inputs, probabilities } = expectedOf(name);
    const rows = Float32Array.from(inputs.flat(), (value) => value ?? NaN);
    const { probabilities: scores } = await runner.score(rows, inputs.length);
    await runner.dispose();
    expect(scores).toHaveLength(probabilities.length);
    for (const [i, probability] of probabilities.entries()) expect(scores[i]).toBeCloseTo(probability, 6);
  });

  it.each(Object.entries(REFUSED_MODELS))('refuses %s, and says how to put it right', async (name, fault) => {
    const refusal = loadFixture(name);
    await expect(refusal).rejects.toBeInstanceOf(ModelRejectedError);
    await expect(refusal).rejects.toThrow(fault);
  });

  it('keeps what it is told of where a model came from, and adds the digest of its bytes', async () => {
    const { ref, identity, sourceUri, runner } = await loadFixture('single-column');
    await runner.dispose();
    expect(ref).toEqual({
      name: 'single-column',
      version: '1',
      alias: null,
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect({ identity, sourceUri }).toEqual({
      identity: 'm-single-column',
      sourceUri: 'file:test/fixtures/models/single-column',
    });
  });

  it('tells what of the files it did not use', async () => {
    const { warnings, threshold, runner } = await loadFixture('free-metadata');
    await runner.dispose();
    expect(threshold).toBe(0.5);
    expect(warnings).toEqual([expect.stringMatching(/^Nothing under metadata in MLmodel is used/)]);
  });

  it('frees the runner of a model that it refuses', async () => {
    const runner = new FakeModelRunner(3, () => NaN);
    const refusing = new ModelLoader({ create: () => Promise.resolve(runner) });
    await expect(loadFixture('lightgbm-small', refusing)).rejects.toThrow(ModelRejectedError);
    expect(runner.isDisposed).toBe(true);
  });
});
