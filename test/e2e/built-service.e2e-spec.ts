import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { predictBatchResponseSchema } from '../../src/prediction/prediction.schemas.js';
import { type BuiltService, startBuiltService } from '../support/built-service.js';
import { expectedOf, fixtureModel } from '../support/fixture-models.js';
import { freePort } from '../support/free-port.js';

const ADMIN_TOKEN = 'a-token-of-the-tests';
const { inputs, probabilities } = expectedOf('lightgbm-small');

/** Specs run as CommonJS and production as ES modules, so this proves the build itself. */
describe('The built service', () => {
  let service: BuiltService;

  beforeAll(async () => {
    service = await startBuiltService({
      MODEL_URI: fixtureModel('lightgbm-small'),
      ADMIN_TOKEN,
      MLFLOW_WEBHOOK_SECRET: 'the-secret-of-the-webhook',
    });
  });
  afterAll(() => service.stop());

  const post = async (path: string, body: unknown) => {
    const response = await fetch(service.url + path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: await response.json() };
  };

  it.each([
    ['/health', 200, /"status":"ok"/],
    ['/health/live', 200, /"status":"ok"/],
    ['/health/ready', 200, /"status":"ok"/],
    ['/health/startup', 200, /"status":"ok"/],
    ['/meta', 200, /"name":"credit-default-service","version":"\d+\.\d+\.\d+"/],
    ['/metrics', 200, /^model_info\{name="lightgbm-small"/m],
    ['/boom', 500, /"code":"INTERNAL_ERROR"/],
    ['/docs', 200, /swagger-ui/],
    ['/openapi.json', 200, /"openapi":"3\.1\.0"/],
    ['/nowhere', 404, /"code":"ROUTE_NOT_FOUND"/],
  ])('answers GET %s', async (path, status, text) => {
    const response = await fetch(service.url + path);
    expect(response.status).toBe(status);
    expect(await response.text()).toMatch(text);
  });

  it('answers POST /predict', async () => {
    const { status, body } = await post('/predict', { data: { features: inputs[0] } });
    expect(status).toBe(200);
    expect(body).toMatchObject({ probability: expect.closeTo(probabilities[0]!, 6) });
  });

  it.each([1, 1000])('answers POST /predict/batch of %i rows', async (n) => {
    const data = Array.from({ length: n }, () => ({ features: inputs[0] }));
    const { status, body } = await post('/predict/batch', { data });
    expect(status).toBe(200);
    const { predictions } = predictBatchResponseSchema.parse(body);
    expect(predictions).toHaveLength(n);
    expect(predictions.at(-1)!.probability).toBeCloseTo(probabilities[0]!, 6);
  });

  it.each([
    ['GET', '/admin/model', 200, /"trigger":"startup","result":"swapped"/],
    ['POST', '/admin/model/reload', 200, /"result":"unchanged"/],
    ['POST', '/admin/model/rollback', 409, /"code":"NO_PREVIOUS_MODEL"/],
    ['POST', '/admin/model/unpin', 200, /"result":"unchanged"/],
    ['POST', '/webhooks/mlflow', 401, /"code":"WEBHOOK_NOT_AUTHENTIC"/],
  ])('answers %s %s', async (method, path, status, text) => {
    const headers = { Authorization: `Bearer ${ADMIN_TOKEN}` };
    const response = await fetch(service.url + path, { method, headers });
    expect(response.status).toBe(status);
    expect(await response.text()).toMatch(text);
  });

  it('ends with exit code 0 when it is told to', async () => {
    const another = await startBuiltService({ MODEL_URI: fixtureModel('lightgbm-small') });
    expect(await another.stop('SIGINT')).toBe(0);
  });
});

describe('The built service without a model', () => {
  it('says that it listens and is not ready', async () => {
    const service = await startBuiltService({
      MODEL_URI: 'models:/credit-default-model@production',
      MLFLOW_TRACKING_URI: `http://127.0.0.1:${await freePort()}`,
    });
    expect(service.logs()).toContain('"message":"Listening; not ready until a model is live"');
    expect(service.logs()).not.toContain('"message":"Ready"');
    expect((await fetch(`${service.url}/health/ready`)).status).toBe(503);
    expect(await service.stop()).toBe(0);
  });
});
