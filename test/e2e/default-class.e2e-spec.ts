import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Client } from 'pg';
import request from 'supertest';
import { metaResponseSchema } from '../../src/meta/meta.schema.js';
import { predictionRecordSchema, replayResponseSchema } from '../../src/prediction-log/audit/record.schemas.js';
import { PredictionLog } from '../../src/prediction-log/prediction-log.js';
import type { PredictResponse } from '../../src/prediction/prediction.schemas.js';
import { type TestDatabase, testDatabases } from '../support/database.js';
import { expectedOf, FIXTURE_MODELS } from '../support/fixture-models.js';
import { type AppClient, followingApps, NEVER_POLL } from '../support/following-apps.js';
import { logEntry, predictionRow, scoringContextFixture } from '../support/log-entry.js';

const AUDIT_TOKEN = 'a-token-of-the-auditors';
/** So many rows are answered by a worker thread. */
const LARGE = 3000;

const databases = testDatabases();
const apps = followingApps();
const { inputs, probabilities } = expectedOf('string-labels');
let database: TestDatabase & { client: Client };
let client: AppClient;

async function ask(route: string) {
  const { status, body } = await request(client.app.getHttpServer()).get(route).auth(AUDIT_TOKEN, { type: 'bearer' });
  expect({ status, body }).toMatchObject({ status: 200 });
  return body as unknown;
}

const replay = async (id: string) => replayResponseSchema.strict().parse(await ask(`/predictions/${id}/replay`));
const recordOf = async (id: string) => predictionRecordSchema.strict().parse(await ask(`/predictions/${id}`));

async function predict(features = inputs[0]!) {
  const { status, body } = await client.post('/predict', { data: { features } });
  expect({ status, body }).toMatchObject({ status: 200 });
  return body as PredictResponse;
}

/** The one version, with another tag. */
function tag(label?: string): void {
  apps.mlflow.register('1', `${FIXTURE_MODELS}/string-labels`, label === undefined ? {} : { default_class: label });
  apps.mlflow.moveAlias('1');
}

const reload = () => client.post('/admin/model/reload');

beforeEach(async () => {
  database = await databases();
  tag('bad');
  client = await apps.start({ ...NEVER_POLL, ...database.env, AUDIT_TOKEN });
});

describe('A model whose classes are bad and good', () => {
  it('gives the probability of the class that the tag names, to one row and to batches', async () => {
    for (const [i, probability] of probabilities.entries()) {
      expect((await predict(inputs[i])).probability).toBeCloseTo(probability, 6);
    }
    for (const rows of [inputs.length, LARGE]) {
      const data = Array.from({ length: rows }, (_, i) => ({ features: inputs[i % inputs.length] }));
      const { body } = await client.post('/predict/batch', { data });
      const { predictions } = body as { predictions: PredictResponse[] };
      expect(predictions).toHaveLength(rows);
      for (const [i, { probability }] of predictions.entries()) {
        expect(probability).toBeCloseTo(probabilities[i % inputs.length]!, 6);
      }
    }
  });

  it('shows in /meta and in the record which class that is, and who says so', async () => {
    const { model } = metaResponseSchema.strict().parse((await client.get('/meta')).body);
    const defaultClass = { label: 'bad', from: 'tag' };
    expect(model).toMatchObject({ defaultClass, probabilityColumns: 2, singleRows: 'filled-late' });
    const { id } = await predict();
    expect(await recordOf(id)).toMatchObject({ defaultClass });
    expect(await replay(id)).toMatchObject({ identical: true });
  });

  it('is another model under another tag, and earlier answers are replayed with their own class', async () => {
    const before = await predict();
    tag('good');
    expect((await reload()).body).toMatchObject({ result: 'swapped' });
    const after = await predict();
    expect(after.probability).toBeCloseTo(1 - before.probability, 6);
    const { body } = await client.post('/predict/batch', {
      data: Array.from({ length: LARGE }, () => ({ features: inputs[0] })),
    });
    expect(body.predictions[LARGE - 1].probability).toBe(after.probability);
    expect(await replay(before.id)).toMatchObject({ identical: true, recorded: { probability: before.probability } });
    expect(await replay(after.id)).toMatchObject({ identical: true, recorded: { probability: after.probability } });
  });

  it('is refused without a tag, and the one before goes on', async () => {
    tag();
    expect((await reload()).body).toMatchObject({ code: 'MODEL_REJECTED' });
    expect((await predict()).probability).toBeCloseTo(probabilities[0]!, 6);
  });

  it('is replayed with the second column where a release before scored it', async () => {
    const { model } = await predict();
    const context = scoringContextFixture({
      format: 1,
      modelName: model.name,
      modelVersion: model.version,
      modelDigest: model.digest,
      featureNames: ['f0', 'f1', 'f2'],
      defaultClass: null,
      defaultClassFrom: null,
    });
    const probability = Math.fround(1 - probabilities[0]!);
    const row = predictionRow({ inputs: Float32Array.from(inputs[0]!, Number), probability });
    await client.app.get(PredictionLog, { strict: false }).record({ ...logEntry(), context, rows: [row] });
    expect(await recordOf(row.id)).toMatchObject({ defaultClass: null });
    expect((await replay(row.id)).difference).toBeLessThan(1e-6);
  });
});
