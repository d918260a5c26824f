import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import request from 'supertest';
import { type PredictResponse, predictResponseSchema } from '../../src/prediction/prediction.schemas.js';
import { expectedOf, fixtureModel } from '../support/fixture-models.js';
import { startTestApp } from '../support/test-app.js';

const { inputs, probabilities } = expectedOf('lightgbm-small');

let app: NestFastifyApplication;

beforeAll(async () => {
  app = await startTestApp({ MODEL_URI: fixtureModel('lightgbm-small') });
});
afterAll(() => app.close());

async function predict(features: unknown, reference?: string): Promise<PredictResponse> {
  const answer = await request(app.getHttpServer()).post('/predict').send({ data: { features }, reference });
  expect(answer.status).toBe(200);
  expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
  return predictResponseSchema.strict().parse(answer.body);
}

describe('POST /predict', () => {
  it.each(inputs.map((features, i) => [features, probabilities[i]!] as const))(
    "answers the model's own probability for %j",
    async (features, expected) => {
      const { probability, prediction, threshold } = await predict(features);
      expect(probability).toBeCloseTo(expected, 6);
      expect(threshold).toBe(0.25);
      expect(prediction).toBe(probability >= threshold ? 1 : 0);
    },
  );

  it('answers both classes over those rows', async () => {
    const predictions = await Promise.all(inputs.map((features) => predict(features)));
    expect(new Set(predictions.map(({ prediction }) => prediction))).toEqual(new Set([0, 1]));
  });

  it('takes names in any order for the same features', async () => {
    const [credit_limit, utilisation, months_late] = inputs[0]!;
    const positional = await predict(inputs[0]);
    const named = await predict({ months_late, credit_limit, utilisation });
    expect(named.probability).toBe(positional.probability);
  });

  it('takes null for an input that training saw missing', async () => {
    const positional = await predict([40, null, 1]);
    expect(positional.probability).toBeCloseTo(probabilities[4]!, 6);
    const named = await predict({ credit_limit: 40, utilisation: null, months_late: 1 });
    expect(named.probability).toBe(positional.probability);
  });

  it('takes a reference, which changes nothing', async () => {
    const reference = 'Antrag 2026/07 – Müller 🙂'.padEnd(128, 'x');
    expect(reference).toHaveLength(128);
    expect((await predict(inputs[0], reference)).probability).toBe((await predict(inputs[0])).probability);
  });

  it('warns of values outside their declared range, and scores them all the same', async () => {
    const { warnings } = await predict([-1, 5, 7]);
    expect(warnings).toEqual([
      { feature: 'credit_limit', code: 'OUT_OF_RANGE' },
      { feature: 'months_late', code: 'OUT_OF_RANGE' },
    ]);
  });

  it.each([[[0, -1e9, 0]], [[1e9, 1e9, 6]], [[0, null, 6]]])('does not warn at the bounds: %j', async (features) => {
    expect(await predict(features)).not.toHaveProperty('warnings');
  });

  it('names the model that answered', async () => {
    const { model } = await predict(inputs[0]);
    expect(model).toEqual({
      name: 'lightgbm-small',
      version: model.digest.slice(0, 12),
      alias: null,
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  it('gives every answer an id of its own, in the order of time', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 20; i++) ids.push((await predict(inputs[0])).id);
    expect(new Set(ids).size).toBe(20);
    expect(ids.toSorted()).toEqual(ids);
  });
});
