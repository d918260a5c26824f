import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import createClient, { type Client } from 'openapi-fetch';
import { z } from 'zod';
import { adminModelSchema, reloadResponseSchema } from '../../src/admin/admin.schemas.js';
import { problemSchema } from '../../src/common/errors/problem.js';
import { metaResponseSchema } from '../../src/meta/meta.schema.js';
import { predictBatchResponseSchema, predictResponseSchema } from '../../src/prediction/prediction.schemas.js';
import {
  eraseResponseSchema,
  outcomeSchema,
  predictionPageSchema,
  predictionRecordSchema,
  replayResponseSchema,
} from '../../src/prediction-log/audit/record.schemas.js';
import { outcomesResponseSchema } from '../../src/prediction-log/audit/outcome.schemas.js';
import type { paths } from '../generated/api.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { documented, expectDocumentedHeaders, type Route } from '../support/documented.js';
import { fixtureModel } from '../support/fixture-models.js';
import { startTestApp } from '../support/test-app.js';

const ADMIN_TOKEN = 'a-token-of-the-tests';
const asAdmin = { headers: { Authorization: `Bearer ${ADMIN_TOKEN}` } };
const AUDIT_TOKEN = 'a-token-of-the-auditors';
const asAuditor = { headers: { Authorization: `Bearer ${AUDIT_TOKEN}` } };
const unsigned = { 'X-MLflow-Delivery-Id': '1', 'X-MLflow-Timestamp': '1', 'X-MLflow-Signature': 'v1,' };
const outcome = { defaulted: true, observedAt: new Date().toISOString() };
const row = { features: [50, 0.5, 1] };
const healthSchema = z.object({ status: z.literal('ok'), details: z.object() });

/** Parameters that name a prediction which was just answered. */
async function answered(client: Client<paths>) {
  const { data } = await client.POST('/predict', { body: { data: row, reference: 'application-2' } });
  return { path: { id: data!.id } };
}

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
  'GET /predictions/{id}': {
    call: async (client: Client<paths>) =>
      client.GET('/predictions/{id}', { ...asAuditor, params: await answered(client) }),
    schema: predictionRecordSchema,
  },
  'GET /predictions': {
    call: (client: Client<paths>) =>
      client.GET('/predictions', { ...asAuditor, params: { query: { from: '2026-01-01', limit: 10 } } }),
    schema: predictionPageSchema,
  },
  'POST /predictions/search': {
    call: (client: Client<paths>) =>
      client.POST('/predictions/search', { ...asAuditor, body: { reference: 'application-1', limit: 10 } }),
    schema: predictionPageSchema,
  },
  'GET /predictions/{id}/replay': {
    call: async (client: Client<paths>) =>
      client.GET('/predictions/{id}/replay', { ...asAuditor, params: await answered(client) }),
    schema: replayResponseSchema,
  },
  'POST /predictions/{id}/outcome': {
    call: async (client: Client<paths>) =>
      client.POST('/predictions/{id}/outcome', { ...asAuditor, params: await answered(client), body: outcome }),
    schema: outcomeSchema,
  },
  'POST /predictions/outcomes': {
    call: async (client: Client<paths>) =>
      client.POST('/predictions/outcomes', {
        headers: { ...asAuditor.headers, 'Content-Type': 'application/x-ndjson' },
        body: { predictionId: (await answered(client)).path.id, ...outcome },
        bodySerializer: (line) => `${JSON.stringify(line)}\n`,
      }),
    schema: outcomesResponseSchema,
  },
  'POST /predictions/erasures': {
    call: (client: Client<paths>) =>
      client.POST('/predictions/erasures', { ...asAuditor, body: { reference: 'application-3' } }),
    schema: eraseResponseSchema,
  },
  'DELETE /predictions': {
    call: (client: Client<paths>) =>
      client.DELETE('/predictions', { ...asAuditor, params: { query: { reference: 'application-3' } } }),
    schema: eraseResponseSchema,
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
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createDatabase();
    app = await startTestApp({
      ...database.env,
      AUDIT_TOKEN,
      MODEL_URI: fixtureModel('lightgbm-small'),
      BOOM_ENABLED: 'true',
      ADMIN_TOKEN,
      MLFLOW_WEBHOOK_SECRET: 'the-secret-of-the-webhook',
    });
    await app.listen(0, '127.0.0.1');
    client = createClient<paths>({ baseUrl: await app.getUrl() });
  });
  afterAll(async () => {
    await app.close();
    await database.close();
  });

  it.each(Object.entries(CALLS))('gets what the document promises from %s', async (operation, { call, schema }) => {
    const { data, error, response } = await call(client);
    expect(() => schema.parse(data ?? error)).not.toThrow();
    expectDocumentedHeaders(operation as Route, response.status, response.headers.keys());
  });

  it('sees that an answer is repeated', async () => {
    const params = { header: { 'Idempotency-Key': 'key-1' } };
    for (const replayed of [null, 'true']) {
      const { response } = await client.POST('/predict', { params, body: { data: row } });
      expect(response.headers.get('Idempotency-Replayed')).toBe(replayed);
      expectDocumentedHeaders('POST /predict', response.status, response.headers.keys());
    }
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
