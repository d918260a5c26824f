import { beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { expectedOf, FIXTURE_MODELS, fixtureModel } from '../support/fixture-models.js';
import { type AppClient, followingApps, NEVER_POLL } from '../support/following-apps.js';
import { samplesOf } from '../support/metric-samples.js';
import { expectDocumentedProblem } from '../support/problems.js';

const NAMES = ['credit_limit', 'utilisation', 'months_late'];
const apps = followingApps();
let client: AppClient;

const serve = async (name: string) => {
  client = await apps.start({ ...NEVER_POLL, MODEL_URI: fixtureModel(name) });
};
const predict = (features: unknown) => client.post('/predict', { data: { features } });
const meta = async () => (await client.get('/meta')).body.model;

describe('A model that somebody logged from a data frame, without metadata', () => {
  const { inputs, probabilities } = expectedOf('named-columns');
  beforeEach(() => serve('named-columns'));

  it('is asked by the names of its signature, in any order', async () => {
    for (const [i, row] of inputs.entries()) {
      const entries = NAMES.map((name, at) => [name, row[at]]);
      for (const order of [entries, entries.toReversed()]) {
        const { body } = await predict(Object.fromEntries(order));
        expect(body.probability).toBeCloseTo(probabilities[i]!, 6);
      }
    }
    expect(await meta()).toMatchObject({ inputs: NAMES.map((name) => ({ name })), warnings: [] });
  });

  it('takes null where its input example has a missing value, and says elsewhere how to declare one', async () => {
    expect((await meta()).inputs.map(({ nullable }: { nullable: boolean }) => nullable)).toEqual([false, true, false]);
    expect((await predict([70, null, 1])).status).toBe(200);
    const refused = await predict([null, 0.5, 1]);
    expectDocumentedProblem('POST /predict', refused, 'FEATURES_MISMATCH');
    expect(refused.body.errors).toEqual([
      {
        path: 'data.features.0',
        message: expect.stringMatching(/may not be null.+nullable_features.+docs\/model-contract\.md/),
      },
    ]);
  });
});

describe("Others' metadata", () => {
  it('neither refuses a model nor changes it, and GET /meta tells of it', async () => {
    await serve('free-metadata');
    expect(await predict([70, 0.59375, 1])).toMatchObject({ status: 200, body: { threshold: 0.5 } });
    expect((await meta()).warnings).toEqual([expect.stringMatching(/\(threshold: .+docs\/model-contract\.md/)]);
    expect(await samplesOf('model_warnings')).toEqual([{ labels: {}, value: 1 }]);
  });

  it('is nothing of ours beside metadata.credit_default', async () => {
    await serve('own-key');
    expect(await predict([70, null, 1])).toMatchObject({ status: 200, body: { threshold: 0.25 } });
    expect(await meta()).toMatchObject({ warnings: [], inputs: [{ range: [0, null] }, { nullable: true }, {}] });
  });
});

describe('A tag of the live version', () => {
  it('says which inputs may be missing, from the next look on', async () => {
    apps.mlflow.register('1', `${FIXTURE_MODELS}/reordered-columns`);
    apps.mlflow.moveAlias('1');
    client = await apps.start();
    const missing = { months_late: null, utilisation: 0.5, credit_limit: 1 };
    expect((await predict(missing)).status).toBe(422);
    apps.mlflow.register('1', `${FIXTURE_MODELS}/reordered-columns`, { nullable_features: 'months_late' });
    await eventually(async () => expect((await predict(missing)).status).toBe(200));

    apps.mlflow.register('1', `${FIXTURE_MODELS}/reordered-columns`, { nullable_features: 'months_early' });
    await eventually(async () => {
      const { registry } = await client.adminModel();
      expect(registry.failure?.reason).toMatch(/tag nullable_features names months_early/);
    });
    expect((await predict(missing)).status).toBe(200);
  });
});
