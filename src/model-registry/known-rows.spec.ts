import { describe, expect, it } from '@jest/globals';
import { FakeModelRunner } from '../../test/fakes/fake-model-runner.js';
import { tryModel } from './known-rows.js';
import { type ModelMetadata, parseMlmodel } from './mlmodel.js';

const metadataWith = (knownRows?: Partial<ModelMetadata['known_rows']>): ModelMetadata =>
  parseMlmodel(JSON.stringify({ flavors: { onnx: { data: 'model.onnx' } }, metadata: { known_rows: knownRows } }))
    .metadata;

/** Answers the first input of a row; 0.5 where it is missing. */
const echo = new FakeModelRunner(2, ([first]) => (Number.isNaN(first) ? 0.5 : first!));

describe('tryModel', () => {
  it('accepts known rows within the tolerance, a missing value among them', async () => {
    const known = {
      inputs: [
        [0.25, 1],
        [null, 1],
      ],
      probabilities: [0.2509, 0.5],
      tolerance: 0.001,
    };
    await expect(tryModel(echo, metadataWith(known))).resolves.toBeUndefined();
  });

  it('names the first row that is off and by how much, not its values', async () => {
    const known = {
      inputs: [
        [0.25, 77.5],
        [0.5, 77.5],
      ],
      probabilities: [0.25, 0.75],
    };
    await expect(tryModel(echo, metadataWith(known))).rejects.toThrow(
      /^Known row 1 of 2 is off by 0\.25 \(tolerance 0\.00001\): .+ Save the model again\.$/,
    );
  });

  it('is as strict as 1e-5 unless the model says otherwise', async () => {
    await expect(tryModel(echo, metadataWith({ inputs: [[0.5, 0]], probabilities: [0.50002] }))).rejects.toThrow(
      /off by/,
    );
    await expect(
      tryModel(echo, metadataWith({ inputs: [[0.5, 0]], probabilities: [0.500005] })),
    ).resolves.not.toThrow();
  });

  it('refuses known rows of another width', async () => {
    await expect(tryModel(echo, metadataWith({ inputs: [[0.5]], probabilities: [0.5] }))).rejects.toThrow(
      'Known row 0 has 1 inputs, the model takes 2. Save the model again.',
    );
  });

  it.each([NaN, Infinity, -0.001, 1.001])('refuses a model whose warm-up gives %p', async (score) => {
    await expect(tryModel(new FakeModelRunner(2, () => score), metadataWith())).rejects.toThrow(
      /not probabilities.+Export it with its sigmoid or calibration included/,
    );
  });

  it('refuses a known row that does not give a probability', async () => {
    const runner = new FakeModelRunner(1, ([first]) => (first === 0 ? 0.5 : NaN));
    await expect(tryModel(runner, metadataWith({ inputs: [[1]], probabilities: [0.5] }))).rejects.toThrow(
      /not probabilities/,
    );
  });
});
