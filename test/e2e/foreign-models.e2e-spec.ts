import { afterEach, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import request from 'supertest';
import { expectedOf, fixtureModel } from '../support/fixture-models.js';
import { expectDocumentedProblem } from '../support/problems.js';
import { startTestApp } from '../support/test-app.js';

let app: NestFastifyApplication;

afterEach(() => app.close());

/** Models that somebody else logged with plain `mlflow.onnx.log_model`, and without our metadata. */
describe.each(['sklearn-plain', 'xgboost-plain', 'no-signature', 'single-column', 'single-vector', 'extra-outputs'])(
  'A model without metadata: %s',
  (name) => {
    const { inputs, probabilities } = expectedOf(name);
    const positionalNames = inputs[0]!.map((_, i) => `f${i}`);

    it('is served with positional names and the threshold 0.5', async () => {
      app = await startTestApp({ MODEL_URI: fixtureModel(name) });
      const server = app.getHttpServer();

      const { body: meta } = await request(server).get('/meta');
      expect(meta.model.inputs).toEqual(
        positionalNames.map((input) => ({
          name: input,
          type: 'float32',
          description: null,
          range: null,
          nullable: false,
        })),
      );

      for (const [i, features] of inputs.entries()) {
        const { body } = await request(server).post('/predict').send({ data: { features } });
        expect(body.probability).toBeCloseTo(probabilities[i]!, 6);
        expect(body).toMatchObject({ threshold: 0.5, prediction: body.probability >= 0.5 ? 1 : 0, model: { name } });
      }

      const named = Object.fromEntries(positionalNames.map((input, i) => [input, inputs[0]![i]]));
      const byName = await request(server)
        .post('/predict')
        .send({ data: { features: named } });
      expect(byName.body.probability).toBeCloseTo(probabilities[0]!, 6);

      const large = Array.from({ length: 1000 }, () => ({ features: inputs[1] }));
      const { body: batch } = await request(server).post('/predict/batch').send({ data: large });
      expect(batch.predictions).toHaveLength(1000);
      expect(batch.predictions[999].probability).toBeCloseTo(probabilities[1]!, 6);

      const missing = await request(server)
        .post('/predict')
        .send({ data: { features: inputs[0]!.with(0, null) } });
      expectDocumentedProblem('POST /predict', missing, 'FEATURES_MISMATCH');
    });
  },
);
