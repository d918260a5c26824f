import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Client } from 'pg';
import request from 'supertest';
import { PastModels } from '../../src/model-registry/past-models.js';
import { PredictionLog } from '../../src/prediction-log/prediction-log.js';
import { replayResponseSchema } from '../../src/prediction-log/audit/record.schemas.js';
import type { PredictResponse } from '../../src/prediction/prediction.schemas.js';
import { type TestDatabase, testDatabases } from '../support/database.js';
import { type AppClient, followingApps, NEVER_POLL } from '../support/following-apps.js';
import { logEntry, predictionRow, scoringContextFixture } from '../support/log-entry.js';
import { expectDocumentedProblem } from '../support/problems.js';

const AUDIT_TOKEN = 'a-token-of-the-auditors';
const ROUTE = 'GET /predictions/{id}/replay';

const databases = testDatabases();
const apps = followingApps();
let database: TestDatabase & { client: Client };
let cacheDirectory: string;
let client: AppClient;

const start = () => apps.start({ ...NEVER_POLL, ...database.env, AUDIT_TOKEN, MODEL_CACHE_DIR: cacheDirectory });

const ask = (id: string) =>
  request(client.app.getHttpServer()).get(`/predictions/${id}/replay`).auth(AUDIT_TOKEN, { type: 'bearer' });

async function replay(id: string) {
  const { status, body } = await ask(id);
  expect({ status, body }).toMatchObject({ status: 200 });
  return replayResponseSchema.strict().parse(body);
}

async function predict(features: readonly (number | null)[] = [50, 0.5, 1], reference?: string) {
  const { status, body } = await client.post('/predict', { data: { features }, reference });
  expect({ status, body }).toMatchObject({ status: 200 });
  return body as PredictResponse;
}

async function moveTo(version: string): Promise<void> {
  apps.mlflow.moveAlias(version);
  expect((await client.post('/admin/model/reload')).status).toBe(200);
}

const cachedVersions = (digest: string) => path.join(cacheDirectory, 'versions', digest);

beforeEach(async () => {
  for (const version of [1, 2]) await apps.register(version);
  apps.mlflow.moveAlias('1');
  database = await databases();
  cacheDirectory = apps.temporaryDirectory();
  client = await start();
});

describe('GET /predictions/{id}/replay', () => {
  it('gives the same bits again from the model that is live', async () => {
    const answer = await predict([70, null, 2]);
    const score = {
      probability: answer.probability,
      prediction: answer.prediction,
      onnxruntimeVersion: expect.stringMatching(/^\d+\.\d+\.\d+$/),
      platform: `${process.platform}/${process.arch}`,
    };
    expect(await replay(answer.id)).toEqual({
      id: answer.id,
      identical: true,
      difference: 0,
      sameRuntime: true,
      recorded: score,
      replayed: score,
      model: answer.model,
    });
  });

  it('gives the same bits again of a row that a batch scored', async () => {
    const data = Array.from({ length: 50 }, (_, i) => ({ features: [10 * i, i / 7, i % 6] }));
    const { body } = await client.post('/predict/batch', { data });
    const { id, probability } = (body as { predictions: PredictResponse[] }).predictions[33]!;
    expect(await replay(id)).toMatchObject({ identical: true, recorded: { probability } });
  });

  it("takes the inputs in the model's order, whatever they are called", async () => {
    const directory = await apps.modelDirectory(3);
    const mlmodel = path.join(directory, 'MLmodel');
    const names = readFileSync(mlmodel, 'utf8').replaceAll('credit_limit', "'10'").replaceAll('utilisation', "'9'");
    writeFileSync(mlmodel, names);
    apps.mlflow.register('3', directory, { allow_signature_change: 'true' });
    await moveTo('3');
    const { id, probability } = await predict([70, 0.59375, 1]);
    expect(await replay(id)).toMatchObject({ identical: true, recorded: { probability } });
  });

  it('takes a version that no longer serves from the cache, with the registry away', async () => {
    const { id } = await predict();
    await moveTo('2');
    apps.mlflow.mode = 'down';
    expect(await replay(id)).toMatchObject({ identical: true, model: { version: '1' } });
    expect(await client.version()).toBe('2');
  });

  it('takes a version that is not in the cache from the registry, and does not keep it', async () => {
    const { id, model } = await predict();
    await moveTo('2');
    rmSync(cachedVersions(model.digest), { recursive: true });
    expect(await replay(id)).toMatchObject({ identical: true, model: { version: '1' } });
    apps.mlflow.mode = 'down';
    const away = await ask(id);
    expectDocumentedProblem(ROUTE, away, 'REGISTRY_UNAVAILABLE');
    expect(away.headers['retry-after']).toBe('10');
    expect(await client.version()).toBe('2');
  });

  it('says MODEL_GONE once a version is neither in the cache nor in the registry', async () => {
    const { id, model } = await predict();
    await moveTo('2');
    rmSync(cachedVersions(model.digest), { recursive: true });
    apps.mlflow.deleteVersion('1');
    const { detail } = expectDocumentedProblem(ROUTE, await ask(id), 'MODEL_GONE');
    expect(detail).toContain('neither live, nor in the cache, nor in the registry');
  });

  it('says MODEL_GONE when another model has the number now', async () => {
    const { id, model } = await predict();
    await moveTo('2');
    rmSync(cachedVersions(model.digest), { recursive: true });
    apps.mlflow.register('1', await apps.modelDirectory(3));
    expectDocumentedProblem(ROUTE, await ask(id), 'MODEL_GONE');
  });

  it('says by how much a record is off that somebody changed', async () => {
    const { id, probability } = await predict();
    await database.client.query('UPDATE predictions SET probability = probability + 0.25 WHERE id = $1', [id]);
    const replayed = await replay(id);
    expect(replayed).toMatchObject({ identical: false, sameRuntime: true, replayed: { probability } });
    expect(replayed.difference).toBeCloseTo(0.25, 6);
  });

  it('says when another runtime scored, where the last bits may differ', async () => {
    const { model, threshold } = await predict();
    const context = scoringContextFixture({
      modelName: model.name,
      modelVersion: model.version,
      modelDigest: model.digest,
      threshold,
      featureNames: ['credit_limit', 'utilisation', 'months_late'],
      onnxruntimeVersion: '1.0.0',
    });
    const row = predictionRow({ inputs: Float32Array.of(50, 0.5, 1) });
    const entry = { ...logEntry(), context, rows: [row] };
    await client.app.get(PredictionLog, { strict: false }).record(entry);
    expect(await replay(row.id)).toMatchObject({ sameRuntime: false, recorded: { onnxruntimeVersion: '1.0.0' } });
  });

  it('says PREDICTION_ERASED once the inputs are gone', async () => {
    const { id } = await predict(undefined, 'application-1');
    await request(client.app.getHttpServer())
      .post('/predictions/erasures')
      .auth(AUDIT_TOKEN, { type: 'bearer' })
      .send({ reference: 'application-1' });
    expectDocumentedProblem(ROUTE, await ask(id), 'PREDICTION_ERASED');
  });

  it('tells a second one to come back while one is under way', async () => {
    const { id, model } = await predict();
    const underWay = Promise.withResolvers<void>();
    const first = client.app
      .get(PastModels, { strict: false })
      .use({ ...model, defaultClass: null }, () => underWay.promise);
    const answer = await ask(id);
    expectDocumentedProblem(ROUTE, answer, 'OVERLOADED');
    expect(answer.headers['retry-after']).toBe('1');
    underWay.resolve();
    await first;
    expect(await replay(id)).toMatchObject({ identical: true });
  });

  it('says that there is no such prediction', async () => {
    const answer = await ask('01968b2e-7c1f-7d3a-9b64-3f1f0a5c2d10');
    expectDocumentedProblem(ROUTE, answer, 'PREDICTION_NOT_FOUND');
  });
});
