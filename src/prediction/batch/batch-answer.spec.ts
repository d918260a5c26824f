import { describe, expect, it } from '@jest/globals';
import { FakeModelRunner } from '../../../test/fakes/fake-model-runner.js';
import { servedModel } from '../../../test/support/served-model.js';
import type { PredictBatchResponse } from '../prediction.schemas.js';
import { answerBatch } from './batch-answer.js';

/** Answers the first input of each row. */
const echo = servedModel({ runner: new FakeModelRunner(2, ([first]) => first!) });

const bodyOf = (rows: unknown[]) => Buffer.from(JSON.stringify({ data: rows.map((features) => ({ features })) }));

const answer = (rows: unknown[], records = false) => answerBatch(bodyOf(rows), echo, echo.runner, records);

describe('answerBatch', () => {
  it('decides row by row, in order: at the threshold is a default', async () => {
    const { body, run } = await answer([
      [0.25, 1],
      [0.5, 1],
      [0.75, 1],
    ]);
    expect([...run.probabilities]).toEqual([0.25, 0.5, 0.75]);
    const { predictions, threshold, model } = JSON.parse(Buffer.from(body).toString()) as PredictBatchResponse;
    expect(predictions.map(({ probability, prediction }) => [probability, prediction])).toEqual([
      [0.25, 0],
      [0.5, 1],
      [0.75, 1],
    ]);
    expect({ threshold, model }).toEqual({ threshold: 0.5, model: echo.ref });
  });

  it('hands the rows over where they are recorded, and only there', async () => {
    const rows = [
      [0.25, 1],
      [0.5, 2],
    ];
    const { body, rows: recorded } = await answer(rows, true);
    const { predictions } = JSON.parse(Buffer.from(body).toString()) as PredictBatchResponse;
    expect(recorded).toEqual({
      inputs: Float32Array.of(0.25, 1, 0.5, 2),
      ids: predictions.map(({ id }) => id),
      references: undefined,
      warnings: new Map(),
    });
    expect((await answer(rows)).rows).toBeUndefined();
  });

  it.each([Number.NaN, Infinity, -0.1, 1.5])('answers no row when one gets %d for a probability', async (score) => {
    const model = servedModel({ runner: new FakeModelRunner(2, ([first]) => (first === 7 ? score : 0.5)) });
    const body = bodyOf([
      [1, 1],
      [7, 1],
    ]);
    await expect(answerBatch(body, model, model.runner, false)).rejects.toMatchObject({
      code: 'NO_PROBABILITY',
      errors: [{ path: 'data.1.features' }],
    });
  });

  it('answers no row when one is bad, and names that one', async () => {
    await expect(answer([[0.25, 1], [0.5], [0.75, 1]])).rejects.toMatchObject({
      code: 'FEATURES_MISMATCH',
      errors: [{ path: 'data.1.features', message: 'has 1 values, the model takes 2' }],
    });
  });
});
