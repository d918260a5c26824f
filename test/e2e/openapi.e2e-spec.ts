import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import request from 'supertest';
import { predictBatchResponseSchema, predictResponseSchema } from '../../src/prediction/prediction.schemas.js';
import { documented, type OpenApiDocument } from '../support/documented.js';
import { startTestApp } from '../support/test-app.js';

const operations = Object.entries(documented.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, { responses }]) => ({ name: `${method.toUpperCase()} ${path}`, responses })),
);

let app: NestFastifyApplication;

beforeAll(async () => {
  // The bundled model, which the examples are for.
  app = await startTestApp({ MODEL_URI: 'file:ml/model' });
});
afterAll(() => app.close());

describe('The OpenAPI document', () => {
  it('is the one in docs/openapi.json, but for the version', async () => {
    const { body } = await request(app.getHttpServer()).get('/openapi.json');
    const served = body as OpenApiDocument;
    expect(served).toEqual({ ...documented, info: { ...documented.info, version: served.info['version'] } });
    expect(served.openapi).toBe('3.1.0');
  });

  it('can be read and tried at GET /docs', async () => {
    const page = await request(app.getHttpServer()).get('/docs').redirects(1);
    expect(page.status).toBe(200);
    expect(page.text).toContain('swagger-ui');
    const script = await request(app.getHttpServer()).get('/docs/swagger-ui-init.js');
    expect(script.text).toContain('"/predict/batch"');
  });

  it.each(operations)('says what $name answers when the service fails', ({ responses }) => {
    const examples = responses['500']?.content?.['application/problem+json']?.examples;
    expect(Object.keys(examples ?? {})).toContain('INTERNAL_ERROR');
  });

  it.each([
    ['/predict', 'PredictRequest', predictResponseSchema],
    ['/predict/batch', 'PredictBatchRequest', predictBatchResponseSchema],
  ] as const)('has examples that POST %s takes as they are', async (path, schema, responseSchema) => {
    const { examples = [] } = documented.components.schemas[schema]!;
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) {
      const answer = await request(app.getHttpServer()).post(path).send(example);
      expect(answer.status).toBe(200);
      expect(responseSchema.strict().parse(answer.body)).not.toHaveProperty('warnings');
    }
  });
});
