import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import request from 'supertest';
import { fixtureModel, startTestApp } from '../support/test-app.js';

const { inputs, probabilities } = JSON.parse(
  readFileSync('test/fixtures/models/lightgbm-small/expected.json', 'utf8'),
) as { inputs: (number | null)[][]; probabilities: number[] };

describe('POST /predict', () => {
  let app: NestFastifyApplication;

  beforeAll(async () => {
    app = await startTestApp({ MODEL_URI: fixtureModel('lightgbm-small') });
  });
  afterAll(() => app.close());

  it("answers the model's own probabilities for positional features", async () => {
    for (const [i, features] of inputs.entries()) {
      const response = await request(app.getHttpServer()).post('/predict').send({ data: { features } });
      expect(response.status).toBe(200);
      expect(response.body.probability).toBeCloseTo(probabilities[i]!, 6);
      expect(response.body.prediction).toBe(response.body.probability >= response.body.threshold ? 1 : 0);
    }
  });

  it('answers a large batch from a worker thread with the same probabilities', async () => {
    const data = Array.from({ length: 1000 }, (_, i) => ({ features: inputs[i % inputs.length] }));
    const response = await request(app.getHttpServer()).post('/predict/batch').send({ data });
    expect(response.status).toBe(200);
    expect(response.body.predictions).toHaveLength(1000);
    response.body.predictions.forEach((row: { probability: number }, i: number) =>
      expect(row.probability).toBeCloseTo(probabilities[i % probabilities.length]!, 6),
    );
  });
});
