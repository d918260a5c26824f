import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import createClient, { type Client } from 'openapi-fetch';
import { z } from 'zod';
import { adminModelSchema, reloadResponseSchema } from '../../src/admin/admin.schemas.js';
import { problemSchema } from '../../src/common/errors/problem.js';
import { metaResponseSchema } from '../../src/meta/meta.schema.js';
import { predictBatchResponseSchema, predictResponseSchema } from '../../src/prediction/prediction.schemas.js';
import type { paths } from '../generated/api.js';
import { fixtureModel } from '../support/fixture-models.js';
import { startTestApp } from '../support/test-app.js';

const documented = JSON.parse(readFileSync('docs/openapi.json', 'utf8')) as { paths: Record<string, object> };

const ADMIN_TOKEN = 'a-token-of-the-tests';
const asAdmin = { headers: { Authorization: `Bearer ${ADMIN_TOKEN}` } };
const unsigned = { 'X-MLflow-Delivery-Id': '1', 'X-MLflow-Timestamp': '1', 'X-MLflow-Signature': 'v1,' };
const row = { features: [50, 0.5, 1] };
const healthSchema = z.object({ status: z.literal('ok'), details: z.object() });

/** One call of every operation, with the schema of its answer; a caller that uses a type wrongly does not compile. */
const CALLS = {
  'POST /predict': {
    call: (client: Client<paths>) => client.POST('/predict', { body: { data: row, reference: 'application-1' } }),
    schema: predictResponseSchema,
  },
  'POST /predict/batch': {
    call: (client: Client<paths>) => client.POST('/predict/batch', { body: { data: [row, row] } }),
    schema: predictBatchResponseSchema,
  },
  'GET /meta': { call: (client: Client<paths>) => client.GET('/meta'), schema: metaResponseSchema },
  'GET /health': { call: (client: Client<paths>) => client.GET('/health'), schema: healthSchema },
  'GET /health/live': { call: (client: Client<paths>) => client.GET('/health/live'), schema: healthSchema },
  'GET /health/ready': { call: (client: Client<paths>) => client.GET('/health/ready'), schema: healthSchema },
  'GET /health/startup': { call: (client: Client<paths>) => client.GET('/health/startup'), schema: healthSchema },
  'GET /metrics': {
    call: (client: Client<paths>) => client.GET('/metrics', { parseAs: 'text' }),
    schema: z.string().includes('http_requests_total'),
  },
  'GET /admin/model': {
    call: (client: Client<paths>) => client.GET('/admin/model', asAdmin),
    schema: adminModelSchema,
  },
  'POST /admin/model/reload': {
    call: (client: Client<paths>) => client.POST('/admin/model/reload', asAdmin),
    schema: reloadResponseSchema,
  },
  'POST /admin/model/rollback': {
    // One version only has served, so there is nothing to go back to.
    call: (client: Client<paths>) => client.POST('/admin/model/rollback', asAdmin),
    schema: problemSchema,
  },
  'POST /admin/model/unpin': {
    call: (client: Client<paths>) => client.POST('/admin/model/unpin', asAdmin),
    schema: reloadResponseSchema,
  },
  'POST /webhooks/mlflow': {
    call: (client: Client<paths>) => client.POST('/webhooks/mlflow', { params: { header: unsigned }, body: {} }),
    schema: problemSchema,
  },
  'GET /boom': { call: (client: Client<paths>) => client.GET('/boom'), schema: problemSchema },
};

describe('A client generated from docs/openapi.json', () => {
  let app: NestFastifyApplication;
  let client: Client<paths>;

  beforeAll(async () => {
    app = await startTestApp({
      MODEL_URI: fixtureModel('lightgbm-small'),
      BOOM_ENABLED: 'true',
      ADMIN_TOKEN,
      MLFLOW_WEBHOOK_SECRET: 'the-secret-of-the-webhook',
    });
    await app.listen(0, '127.0.0.1');
    client = createClient<paths>({ baseUrl: await app.getUrl() });
  });
  afterAll(() => app.close());

  it.each(Object.entries(CALLS))('gets what the schema promises from %s', async (_operation, { call, schema }) => {
    const { data, error } = await call(client);
    expect(() => schema.parse(data ?? error)).not.toThrow();
  });

  it('calls every operation that there is', () => {
    const operations = Object.entries(documented.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(Object.keys(CALLS).toSorted()).toEqual(operations.toSorted());
  });

  it('switches on the code of a refusal', async () => {
    const { error, response } = await client.POST('/predict', { body: { data: { features: [1] } } });
    expect(response.status).toBe(422);
    expect(error?.code).toBe('FEATURES_MISMATCH');
  });
});
