import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import request from 'supertest';
import { expectedOf, fixtureModel } from '../support/fixture-models.js';
import { startTestApp } from '../support/test-app.js';

const { inputs, probabilities } = expectedOf('lightgbm-small');

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
    }
  });
});
