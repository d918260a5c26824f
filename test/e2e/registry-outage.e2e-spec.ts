import { beforeEach, describe, expect, it } from '@jest/globals';
import type { FakeMlflowMode } from '../fakes/fake-mlflow.js';
import { eventually } from '../support/eventually.js';
import { type AppClient, followingApps } from '../support/following-apps.js';
import { expectDocumentedProblem } from '../support/problems.js';

const apps = followingApps();
let client: AppClient;

const serves = (version: string) => eventually(async () => expect(await client.version()).toBe(version));

const OUTAGES: [FakeMlflowMode, RegExp][] = [
  ['down', /cannot be reached|broke/],
  ['without-database', /answers 503 TEMPORARILY_UNAVAILABLE/],
];

beforeEach(async () => {
  for (const version of [1, 2]) await apps.register(version);
  apps.mlflow.moveAlias('1');
});

describe('While the registry is away', () => {
  beforeEach(async () => {
    client = await apps.start();
  });

  it.each(OUTAGES)('(%s) predictions go on, and the service is ready, but degraded', async (mode, reason) => {
    apps.mlflow.mode = mode;
    await eventually(async () => {
      const { status, body } = await client.get('/health');
      expect({ status, verdict: body.status }).toEqual({ status: 200, verdict: 'degraded' });
      expect(body.details.registry).toMatchObject({
        status: 'degraded',
        message: expect.stringMatching(reason),
        lastSuccessAt: expect.any(String),
      });
    });
    expect((await client.get('/health/ready')).status).toBe(200);
    expect(await client.version()).toBe('1');
    const { registry } = (await client.get('/meta')).body;
    expect(registry).toMatchObject({ namedVersion: '1', lastError: expect.stringMatching(reason) });
    expect(Date.parse(registry.lastLookAt)).toBeGreaterThan(Date.parse(registry.lastSuccessAt));
    expect(registry.degraded).toContain(registry.lastError);
    expect(await client.metric('registry_up')).toBe(0);
    expect(await client.metric('model_serving_stale')).toBe(1);
    expect(await client.metric('registry_last_success_timestamp_seconds')).toBe(
      Date.parse(registry.lastSuccessAt) / 1000,
    );

    apps.mlflow.mode = 'well';
    apps.mlflow.moveAlias('2');
    await serves('2');
    expect((await client.get('/health')).body.details.registry.status).toBe('up');
    expect(await client.metric('registry_up')).toBe(1);
    expect((await client.adminModel()).events.map(({ result }) => result)).toContain('recovered');
  });

  it('files that cannot be had leave the live version serving, and are asked for again', async () => {
    apps.mlflow.mode = 'without-store';
    apps.mlflow.moveAlias('2');
    await eventually(async () => {
      const { events, registry } = await client.adminModel();
      expect(events[0]).toMatchObject({ result: 'unavailable', version: '2', retryable: true });
      expect(registry.failure).toMatchObject({ retryable: true });
    });
    expect(await client.version()).toBe('1');
    apps.mlflow.mode = 'well';
    await serves('2');
  });
});

describe('A restart while the registry is away', () => {
  it('comes up ready on the version that served last, and follows again when the registry answers', async () => {
    const cache = { MODEL_CACHE_DIR: apps.temporaryDirectory() };
    const before = await apps.start(cache);
    apps.mlflow.moveAlias('2');
    await eventually(async () => expect(await before.version()).toBe('2'));
    await apps.stop(before);
    apps.mlflow.mode = 'down';

    client = await apps.start(cache);
    expect((await client.get('/health/ready')).status).toBe(200);
    expect((await client.predict()).body.model).toMatchObject({ version: '2', alias: 'production' });
    expect((await client.get('/health')).body.details.registry).toMatchObject({
      status: 'degraded',
      lastSuccessAt: expect.stringMatching(/^20/),
    });
    expect((await client.adminModel()).events).toMatchObject([
      { trigger: 'startup', result: 'restored', version: '2' },
      { trigger: 'startup', result: 'unavailable' },
    ]);

    apps.mlflow.mode = 'well';
    apps.mlflow.moveAlias('1');
    await serves('1');
  });

  it('asks also for a version that cannot move, until the registry has answered once', async () => {
    const env = { MODEL_URI: 'models:/credit-default-model/2', MODEL_CACHE_DIR: apps.temporaryDirectory() };
    await apps.stop(await apps.start(env));
    apps.mlflow.mode = 'down';
    client = await apps.start(env);
    expect(await client.version()).toBe('2');
    expect((await client.get('/health')).body.details.registry.status).toBe('degraded');
    apps.mlflow.mode = 'well';
    await eventually(async () => expect((await client.get('/health')).body.details.registry.status).toBe('up'));
  });
});

describe('A start with nothing in the cache while the registry is away', () => {
  it('is live but not ready, says when to come back, and comes up when the registry answers', async () => {
    apps.mlflow.mode = 'down';
    client = await apps.start();
    expect((await client.get('/health/live')).status).toBe(200);
    const ready = await client.get('/health/ready');
    expect({ status: ready.status, model: ready.body.error.model }).toEqual({
      status: 503,
      model: { status: 'down', message: 'No model is live.' },
    });
    const prediction = await client.predict();
    expectDocumentedProblem('POST /predict', prediction, 'MODEL_NOT_READY');
    expect(prediction.headers['retry-after']).toBe('5');
    const batch = await client.post('/predict/batch', { data: [{ features: [50, 0.5, 1] }] });
    expectDocumentedProblem('POST /predict/batch', batch, 'MODEL_NOT_READY');
    expect((await client.get('/meta')).body).toMatchObject({
      model: null,
      registry: { lastSuccessAt: null, lastError: expect.any(String) },
    });

    apps.mlflow.mode = 'well';
    await serves('1');
    expect((await client.get('/health/ready')).status).toBe(200);
  });
});
