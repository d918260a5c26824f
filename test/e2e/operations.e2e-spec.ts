import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import request from 'supertest';
import { metaResponseSchema } from '../../src/meta/meta.schema.js';
import { ActiveModel } from '../../src/model-registry/active-model.js';
import { fixtureModel, FIXTURE_MODELS } from '../support/fixture-models.js';
import { expectDocumentedProblem, expectProblem } from '../support/problems.js';
import { startTestApp } from '../support/test-app.js';

let app: NestFastifyApplication;

const start = async (env: Record<string, string> = {}) => {
  app = await startTestApp({ MODEL_URI: fixtureModel('lightgbm-small'), ...env });
};
const get = (path: string) => request(app.getHttpServer()).get(path);

afterEach(() => app.close());

describe('Probes', () => {
  it('are all well while a model is live', async () => {
    await start();
    for (const path of ['/health', '/health/live', '/health/ready', '/health/startup']) {
      const answer = await get(path);
      expect({ path, status: answer.status, verdict: answer.body.status }).toEqual({
        path,
        status: 200,
        verdict: 'ok',
      });
    }
    expect((await get('/health')).body.details).toMatchObject({
      model: { status: 'up', name: 'lightgbm-small', version: expect.stringMatching(/^[0-9a-f]{12}$/) },
      shutdown: { status: 'up' },
    });
  });

  it('say not ready, but live, when no model is', async () => {
    await start();
    await app.get(ActiveModel).onApplicationShutdown();
    const ready = await get('/health/ready');
    expect(ready.status).toBe(503);
    expect(ready.body.error).toMatchObject({ model: { status: 'down', message: 'No model is live.' } });
    expect((await get('/health')).status).toBe(503);
    expect((await get('/health/live')).status).toBe(200);
  });
});

describe('No live model', () => {
  it.each(['/predict', '/predict/batch'] as const)('makes POST %s come back later', async (path) => {
    await start();
    await app.get(ActiveModel).onApplicationShutdown();
    const row = { features: [50, 0.5, 1] };
    const answer = await request(app.getHttpServer())
      .post(path)
      .send({ data: path === '/predict' ? row : [row] });
    expectDocumentedProblem(`POST ${path}`, answer, 'MODEL_NOT_READY');
    expect(answer.headers['retry-after']).toBe('5');
  });

  it('shows as null in GET /meta', async () => {
    await start();
    await app.get(ActiveModel).onApplicationShutdown();
    expect((await get('/meta')).body.model).toBeNull();
  });
});

describe('GET /meta', () => {
  it('describes the service and its live model', async () => {
    await start({ GIT_COMMIT: 'abc1234' });
    const answer = await get('/meta');
    expect(answer.status).toBe(200);
    const { service, model } = metaResponseSchema.strict().parse(answer.body);
    expect(service).toEqual({ name: 'credit-default-service', version: '0.0.0-test', commit: 'abc1234' });
    expect(model).toMatchObject({
      name: 'lightgbm-small',
      alias: null,
      sourceUri: 'file:test/fixtures/models/lightgbm-small',
      threshold: 0.25,
      defaultClass: { label: '1', from: 'labels' },
      probabilityColumns: 2,
      singleRows: 'filled-late',
      trainingMetrics: { auc: 0.82441, brier: 0.10648, holdout_auc: 0.672619 },
      inputs: [
        {
          name: 'credit_limit',
          type: 'float32',
          description: 'Credit granted, in thousands',
          range: [0, null],
          nullable: false,
        },
        { name: 'utilisation', range: [null, null], nullable: true },
        { name: 'months_late', range: [0, 6], nullable: false },
      ],
    });
    expect(Date.parse(model!.loadedAt)).toBeLessThanOrEqual(Date.now());
  });
});

describe('MODEL_URI', () => {
  it('may be a file URL', async () => {
    await start({ MODEL_URI: pathToFileURL(`${FIXTURE_MODELS}/single-column`).href });
    expect((await get('/meta')).body.model.name).toBe('single-column');
  });
});

describe('GET /boom', () => {
  it('fails on purpose where it is on, and keeps the reason to itself', async () => {
    await start({ BOOM_ENABLED: 'true' });
    const answer = await get('/boom');
    expectDocumentedProblem('GET /boom', answer, 'INTERNAL_ERROR');
    expect(answer.text).not.toMatch(/GET \/boom was called|at BoomController|\.ts/);
  });

  it('is an unknown route where it is off', async () => {
    await start({ BOOM_ENABLED: 'false' });
    expectDocumentedProblem('GET /boom', await get('/boom'), 'ROUTE_NOT_FOUND');
  });

  it('is off in production unless it is asked for', async () => {
    await start({ NODE_ENV: 'production' });
    expectProblem(await get('/boom'), 'ROUTE_NOT_FOUND');
  });
});
