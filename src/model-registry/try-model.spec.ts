import { describe, expect, it } from '@jest/globals';
import { FakeModelRunner } from '../../test/fakes/fake-model-runner.js';
import { type ModelMetadata, parseMlmodel } from './mlmodel.js';
import { trialRows } from './trial-rows.js';
import { tryModel } from './try-model.js';

const metadataWith = (knownRows?: Partial<ModelMetadata['known_rows']>): ModelMetadata =>
  parseMlmodel(JSON.stringify({ flavors: { onnx: { data: 'model.onnx' } }, metadata: { known_rows: knownRows } }))
    .metadata;

interface Trial {
  known?: Partial<ModelMetadata['known_rows']>;
  example?: (number | null)[][];
  columns?: 1 | 2;
}

/** Tries a model that scores a row with this function. */
function tryScore(scoreOf: (row: Float32Array) => number, { known, example = [], columns = 1 }: Trial = {}) {
  const runner = new FakeModelRunner(2, scoreOf);
  const metadata = metadataWith(known);
  return tryModel(runner, columns, metadata, trialRows(metadata, example, [{}, {}]));
}

/** The first input of a row; 0.5 where it is missing. */
const echo = ([first]: Float32Array) => (Number.isNaN(first) ? 0.5 : first!);

const sigmoid = ([first, second]: Float32Array) => 1 / (1 + Math.exp(second! / 1000 - first! / 500));

/** As {@link sigmoid}, but this score where the first input is above a limit. */
const beyond = (limit: number, score: number) => (row: Float32Array) => (row[0]! > limit ? score : sigmoid(row));

function failing(row: Float32Array): number {
  if (row[0]! > 10_000) throw new Error('The index is out of bounds.');
  return sigmoid(row);
}

/** A row that {@link echo} gives 0.5. */
const knownHalf = (probability: number): Trial => ({ known: { inputs: [[0.5, 0]], probabilities: [probability] } });

describe('tryModel', () => {
  describe('with known rows', () => {
    it('accepts scores within the tolerance, a missing value among them', async () => {
      const known = {
        inputs: [
          [0.25, 1],
          [null, 1],
        ],
        probabilities: [0.2509, 0.5],
        tolerance: 0.001,
      };
      await expect(tryScore(echo, { known })).resolves.toBeUndefined();
    });

    it('names the first row that is off and by how much, not its values', async () => {
      const known = {
        inputs: [
          [0.25, 77.5],
          [0.5, 77.5],
        ],
        probabilities: [0.25, 0.75],
      };
      await expect(tryScore(echo, { known })).rejects.toThrow(
        /^Known row 1 of 2 is off by 0\.25 \(tolerance 0\.00001\): .+ Save the model again\.$/,
      );
    });

    it('is as strict as 1e-5 unless the model says otherwise', async () => {
      await expect(tryScore(echo, knownHalf(0.50002))).rejects.toThrow(/off by/);
      await expect(tryScore(echo, knownHalf(0.500005))).resolves.not.toThrow();
    });

    it.each([
      [NaN, /not probabilities \(not finite\) for known row 0 of 1 known rows\. Have the graph take such a row/],
      [1.001, /not probabilities \(outside 0 to 1\) for known row 0 of 1 known rows\. Export it with its sigmoid/],
    ])('refuses one that gets %p', async (score, message) => {
      const known = { inputs: [[1, 1]], probabilities: [0.5] };
      await expect(tryScore(([first]) => (first === 1 ? score : 0.5), { known })).rejects.toThrow(message);
    });

    it('believes them: what made rows get decides nothing', async () => {
      const known = { inputs: [[0.25, 1]], probabilities: [0.25] };
      await expect(tryScore(([first]) => (first === 0.25 ? 0.25 : NaN), { known })).resolves.not.toThrow();
      await expect(tryScore(([first]) => first!, { known })).resolves.not.toThrow();
    });
  });

  describe('without known rows', () => {
    it('takes a probability', async () => {
      await expect(tryScore(sigmoid)).resolves.toBeUndefined();
    });

    it('refuses a margin that looks like a probability for zeros', async () => {
      await expect(tryScore(([first]) => 0.5 - first! / 100)).rejects.toThrow(
        /^The model gives scores that are not probabilities \(outside 0 to 1\) for \d+ of 64 rows that were made to try it\. Export it with its sigmoid or calibration included\. If it gives probabilities, save it with known_rows or an input_example of real rows\.$/,
      );
    });

    it('takes a model that only zeros break', async () => {
      await expect(tryScore(([debt, income]) => Math.tanh(debt! / income!))).resolves.toBeUndefined();
    });

    it('takes a model that some made rows break, and not one that most do', async () => {
      await expect(tryScore(beyond(1000, NaN))).resolves.toBeUndefined();
      await expect(tryScore(beyond(1, NaN))).rejects.toThrow(
        /\(not finite\) for \d+ of 64 rows that were made to try it/,
      );
    });

    it('takes two columns that large rows bring out of 0 to 1 by rounding, and not if most do', async () => {
      await expect(tryScore(beyond(1000, 1.2), { columns: 2 })).resolves.toBeUndefined();
      await expect(tryScore(beyond(1, 1.2), { columns: 2 })).rejects.toThrow(/outside 0 to 1/);
    });
  });

  describe('with an input example', () => {
    const example = [
      [0, 0],
      [40, 90],
    ];

    it('refuses a margin, and a row without a score', async () => {
      await expect(tryScore(([first]) => (first! - 20) / 20, { example })).rejects.toThrow(/outside 0 to 1/);
      await expect(tryScore(([first]) => (first === 40 ? NaN : 0.5), { example })).rejects.toThrow(
        /\(not finite\) for row 0 of 1 rows of its input example/,
      );
    });

    it('takes a model that most rows but those of the example break', async () => {
      await expect(tryScore(([first]) => (first === 40 ? 0.25 : NaN), { example })).resolves.toBeUndefined();
    });
  });

  it('scores rows one by one where one of them makes a run fail', async () => {
    await expect(tryScore(failing)).resolves.toBeUndefined();
  });

  it('refuses a model whose rows can only be scored one by one', async () => {
    const runner = new FakeModelRunner(2, sigmoid);
    const alone = Object.assign(runner, {
      score: (rows: Float32Array, rowCount: number) =>
        rowCount === 1
          ? FakeModelRunner.prototype.score.call(runner, rows, 1)
          : Promise.reject(new Error('The shape does not fit.')),
    });
    await expect(tryModel(alone, 1, metadataWith(), trialRows({}, [], [{}, {}]))).rejects.toThrow(
      /scores 64 rows one by one and not together\. Export it with a dynamic batch dimension/,
    );
  });

  it('refuses a model that scores a row otherwise among others', async () => {
    const runner = new FakeModelRunner(1, ([first]) => 1 / (1 + first!));
    const score = runner.score.bind(runner);
    runner.score = async (rows, rowCount) => {
      const run = await score(rows, rowCount);
      return { ...run, probabilities: run.probabilities.map((each) => each / rowCount) };
    };
    await expect(tryModel(runner, 1, metadataWith(), trialRows({}, [], [{}]))).rejects.toThrow(
      /scores a row otherwise when it is alone than among others/,
    );
  });
});
