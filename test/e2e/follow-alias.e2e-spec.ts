import { beforeEach, describe, expect, it } from '@jest/globals';
import request from 'supertest';
import type { PredictResponse } from '../../src/prediction/prediction.schemas.js';
import { testDatabases } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { FIXTURE_MODELS } from '../support/fixture-models.js';
import { type AppClient, followingApps, NEVER_POLL } from '../support/following-apps.js';
import { readModelDirectory } from '../../src/model-registry/model-directory.js';

const databases = testDatabases();
const apps = followingApps();
let client: AppClient;

const serves = (version: string) => eventually(async () => expect(await client.version()).toBe(version));

describe('An alias that moves', () => {
  beforeEach(async () => {
    for (const version of [1, 2, 3]) await apps.register(version);
    apps.mlflow.moveAlias('1');
  });

  it('is followed without one failed request, and each answer names the version that made it', async () => {
    client = await apps.start();
    const answers: PredictResponse[][] = [];
    const moving = new AbortController();
    const sendRequests = async () => {
      const received: PredictResponse[] = [];
      answers.push(received);
      while (!moving.signal.aborted) {
        const { status, body } = await client.predict();
        expect(status).toBe(200);
        received.push(body as PredictResponse);
      }
    };
    const load = Array.from({ length: 8 }, sendRequests);
    for (const version of ['2', '3', '1', '3']) {
      apps.mlflow.moveAlias(version);
      await serves(version);
    }
    moving.abort();
    await Promise.all(load);

    for (const received of answers) {
      for (const { model, threshold } of received) expect(threshold).toBe(0.3 + Number(model.version) / 1000);
      const versions = received.map(({ model }) => model.version);
      const inOrder = versions.filter((version, i) => version !== versions[i - 1]);
      expect(['1', '2', '3', '1', '3'].join()).toContain(inOrder.join());
    }
  });

  it('is seen by its new version in GET /meta and in the metrics, and no series of one no longer held is left', async () => {
    client = await apps.start();
    for (const version of ['1', '2', '3']) {
      apps.mlflow.moveAlias(version);
      await serves(version);
    }
    const { model, registry } = (await client.get('/meta')).body;
    expect(model).toMatchObject({ version: '3', alias: 'production', runId: 'run-3', digestVouched: false });
    expect(registry).toMatchObject({ namedVersion: '3', following: true, lastError: null, degraded: null });
    const { text } = await client.get('/metrics');
    expect(text).toMatch(/^model_info\{name="credit-default-model",version="3",alias="production",digest="\w+"\} 1$/m);
    expect(text.match(/^model_info\{/gm)).toHaveLength(1);
    expect(text.match(/^registry_alias_info\{version="3"\} 1$/gm)).toHaveLength(1);
    expect(text).toMatch(/^model_reloads_total\{result="swapped"\} 3$/m);
    expect(text).toMatch(/^model_reload_duration_seconds_count 3$/m);
    expect(text).not.toMatch(/^predictions_total\{version="1"/m);
    expect(text).toMatch(/^predictions_total\{version="2"/m);
  });

  it('is followed to a version whose tag fits its bytes, which GET /meta says', async () => {
    const directory = await apps.modelDirectory(4);
    apps.mlflow.register('4', directory, { sha256: (await readModelDirectory(directory)).digest });
    apps.mlflow.moveAlias('4');
    client = await apps.start({ MODEL_REQUIRE_DIGEST: 'true' });
    expect((await client.get('/meta')).body.model).toMatchObject({ version: '4', digestVouched: true });
  });

  it.each([
    ['models:/credit-default-model/2', '2', null],
    ['models:/credit-default-model@challenger', '3', 'challenger'],
  ])('does not concern who names %s', async (MODEL_URI, version, alias) => {
    apps.mlflow.moveAlias('3', 'challenger');
    client = await apps.start({ MODEL_URI });
    expect((await client.predict()).body.model).toMatchObject({ version, alias });
    apps.mlflow.moveAlias('2');
    await client.post('/admin/model/reload');
    expect(await client.version()).toBe(version);
  });
});

describe('A version that must not serve', () => {
  beforeEach(async () => {
    await apps.register(1);
    apps.mlflow.moveAlias('1');
    client = await apps.start();
  });

  const BAD_VERSIONS: [what: string, fixture: string, tags: Record<string, string>, reason: RegExp][] = [
    ['gives other scores than its known rows', 'known-rows-off', {}, /Known row 31 of 32 is off/],
    ['is cut off', 'truncated', {}, /cannot load the ONNX file: it is damaged/],
    ['has no ONNX file', 'onnx-missing', {}, /names model\.onnx, and there is no such file/],
    ['is no ONNX model', 'python-only', {}, /no `onnx` flavor/],
    ['gives a sequence of maps', 'zipmap-output', {}, /export with zipmap=False/],
    ['takes other inputs', 'single-column', {}, /takes other inputs than the live model/],
    ['has other bytes than its tag says', 'lightgbm-small', { sha256: '0'.repeat(64) }, /sha256 tag/],
  ];

  it.each(BAD_VERSIONS)(
    'because it %s is refused, and GET /admin/model says why',
    async (_what, fixture, tags, reason) => {
      apps.mlflow.register('2', `${FIXTURE_MODELS}/${fixture}`, tags);
      apps.mlflow.moveAlias('2');
      await eventually(async () => {
        const { events, live, registry } = await client.adminModel();
        expect(events[0]).toMatchObject({ result: 'rejected', version: '2', retryable: false });
        expect(events[0]!.reason).toMatch(reason);
        expect(registry).toMatchObject({ namedVersion: '2', failure: { retryable: false, attempts: 1 } });
        expect(live).toMatchObject({ version: '1' });
      });
      expect((await client.predict()).body.model).toMatchObject({ version: '1', alias: null });
      expect((await client.get('/health/ready')).status).toBe(200);
      expect((await client.get('/meta')).body.registry.degraded).toMatch(/^Version 2 is named but could not go live/);
      expect(await client.metric('model_reloads_total{result="rejected"}')).toBe(1);
      expect(await client.metric('model_serving_stale')).toBe(1);
      expect(await client.metric('model_alias_behind_seconds')).toBeGreaterThan(0);

      await apps.register(3);
      apps.mlflow.moveAlias('3');
      await serves('3');
      await eventually(async () => expect(await client.metric('model_serving_stale')).toBe(0));
      expect(await client.metric('model_alias_behind_seconds')).toBe(0);
    },
  );

  it('may take other inputs when its tag allows that', async () => {
    apps.mlflow.register('2', `${FIXTURE_MODELS}/single-column`, { allow_signature_change: 'true' });
    apps.mlflow.moveAlias('2');
    await eventually(async () => {
      expect((await client.get('/meta')).body.model).toMatchObject({ version: '2', inputs: { length: 4 } });
    });
  });
});

describe('The record of an answer', () => {
  const AUDIT_TOKEN = 'a-token-of-the-auditors';

  it('names the alias as the answer does: not after a rollback, nor after a restart, and again after unpin', async () => {
    for (const version of [1, 2]) await apps.register(version);
    apps.mlflow.moveAlias('1');
    const env = {
      ...NEVER_POLL,
      ...(await databases()).env,
      AUDIT_TOKEN,
      MODEL_CACHE_DIR: apps.temporaryDirectory(),
    };
    client = await apps.start(env);
    const answeredAndRecorded = async () => {
      const { id, model } = (await client.predict()).body as PredictResponse;
      const found = request(client.app.getHttpServer()).get(`/predictions/${id}`);
      const { body } = await found.auth(AUDIT_TOKEN, { type: 'bearer' });
      expect(body.model).toEqual(model);
      return [model.version, model.alias];
    };
    apps.mlflow.moveAlias('2');
    await client.post('/admin/model/reload');
    expect(await answeredAndRecorded()).toEqual(['2', 'production']);
    await client.post('/admin/model/rollback');
    expect(await answeredAndRecorded()).toEqual(['1', null]);
    await apps.stop(client);
    client = await apps.start(env);
    expect(await answeredAndRecorded()).toEqual(['1', null]);
    await client.post('/admin/model/unpin');
    expect(await answeredAndRecorded()).toEqual(['2', 'production']);
  });
});

describe('An alias or version that is deleted', () => {
  beforeEach(async () => {
    await apps.register(1);
    apps.mlflow.moveAlias('1');
    client = await apps.start();
  });

  it.each([
    ['alias', () => apps.mlflow.deleteAlias()],
    ['version', () => apps.mlflow.deleteVersion('1')],
  ])('leaves the live model serving, and the service says so: %s', async (_what, remove) => {
    remove();
    await eventually(async () => {
      const { registry } = (await client.get('/meta')).body;
      expect(registry.lastError).toMatch(/does not have the alias "production" of the model "credit-default-model"/);
    });
    expect((await client.predict()).body.model).toMatchObject({ version: '1', alias: null });
    expect((await client.get('/health')).body).toMatchObject({ details: { registry: { status: 'degraded' } } });
    expect(await client.metric('registry_up')).toBe(1);
    expect(await client.metric('model_serving_stale')).toBe(1);
  });
});
