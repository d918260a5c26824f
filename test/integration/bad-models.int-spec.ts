import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import type { FollowingService } from '../support/following-service.js';
import { registryScene, serves } from './registry-scene.js';

const scene = registryScene(() => 'direct');

async function serveVersion1(env?: Record<string, string>): Promise<FollowingService> {
  await scene.register();
  await scene.lab.setAlias('production', '1');
  return scene.start(env);
}

/** Moves the alias there, and expects the version to be refused for good while version 1 goes on serving. */
async function expectRefusal(service: FollowingService, version: string, reason: RegExp): Promise<void> {
  await scene.lab.setAlias('production', version);
  await eventually(async () =>
    expect(await service.adminModel()).toMatchObject({
      live: { version: '1' },
      candidate: null,
      registry: {
        namedVersion: version,
        failure: { reason: expect.stringMatching(reason), retryable: false, attempts: 1 },
      },
      events: [{ result: 'rejected', version, retryable: false, reason: expect.stringMatching(reason) }, {}],
    }),
  );
  expect(await service.version()).toBe('1');
  expect((await service.metrics()).get('model_reloads_total{result="rejected"}')).toBe(1);
  expect((await service.get('/health/ready')).status).toBe(200);
}

describe('a version that must not serve', () => {
  it('is one with a byte changed in the bucket after it was registered', async () => {
    const service = await serveVersion1();
    const { version, artifactUri } = await scene.register();
    const bytes = await readFile('test/fixtures/models/lightgbm-small/model.onnx');
    bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
    await scene.lab.putFile(artifactUri, 'model.onnx', bytes);
    await expectRefusal(service, version, /sha256 tag/);
  });

  it('is one whose file was cut short before anybody took its digest', async () => {
    const service = await serveVersion1();
    const { version, artifactUri } = await scene.lab.register(await scene.modelDirectory());
    const bytes = await readFile('test/fixtures/models/lightgbm-small/model.onnx');
    await scene.lab.putFile(artifactUri, 'model.onnx', bytes.subarray(0, bytes.length >> 1));
    await expectRefusal(service, version, /onnxruntime cannot load the ONNX file/);
  });

  it('is one whose bytes are not those it had when it served', async () => {
    // No room but for what serves and what served before, so that version 1 has to be downloaded again.
    const service = await serveVersion1({ MODEL_CACHE_MAX_BYTES: '1' });
    const changed = await scene.lab.register(await scene.modelDirectory());
    await scene.lab.setAlias('production', changed.version);
    await serves(service, changed.version);
    for (const version of [(await scene.register()).version, '1']) {
      await scene.lab.setAlias('production', version);
      await serves(service, version);
    }
    await scene.lab.putFile(changed.artifactUri, 'note.txt', Buffer.from('changed'));
    await scene.lab.setAlias('production', changed.version);
    await eventually(async () =>
      expect((await service.adminModel()).registry.failure).toMatchObject({
        reason: expect.stringContaining('not those it had when it was first seen'),
        retryable: false,
      }),
    );
    expect(await service.version()).toBe('1');
  });

  it.each([
    ['known-rows-off', /Known row/],
    ['nan-probability', /not probabilities/],
    ['zipmap-output', /zipmap=False/],
    ['python-only', /no `onnx` flavor/],
    ['mlmodel-missing', /No MLmodel file/],
  ])('is %s', async (fixture, reason) => {
    const service = await serveVersion1();
    const { version } = await scene.lab.register(`test/fixtures/models/${fixture}`);
    await expectRefusal(service, version, reason);
  });

  it('is one without a digest where digests are required', async () => {
    const service = await serveVersion1({ MODEL_REQUIRE_DIGEST: 'true' });
    const { version } = await scene.lab.register(await scene.modelDirectory());
    await expectRefusal(service, version, /no sha256 tag/);
  });

  it('is named in one line of the log, however often the alias is looked at', async () => {
    const service = await serveVersion1();
    const { version } = await scene.lab.register('test/fixtures/models/known-rows-off');
    await expectRefusal(service, version, /Known row/);
    const lookAt = (await service.adminModel()).registry.lastLookAt;
    await eventually(async () => expect((await service.adminModel()).registry.lastLookAt).not.toBe(lookAt));
    expect(service.logs().match(/A reload failed/g)).toHaveLength(1);
  });

  it('leaves the way free for the next one', async () => {
    const service = await serveVersion1();
    const bad = await scene.lab.register('test/fixtures/models/known-rows-off');
    await expectRefusal(service, bad.version, /Known row/);
    const good = await scene.register();
    await scene.lab.setAlias('production', good.version);
    await serves(service, good.version);
    expect((await service.adminModel()).registry.failure).toBeNull();
  });
});

describe('a model of another maker', () => {
  const foreign = ['sklearn-plain', 'xgboost-plain'];

  it.each(foreign)('%s is refused while clients send other inputs', async (fixture) => {
    const service = await serveVersion1();
    const { version } = await scene.lab.register(`test/fixtures/models/${fixture}`);
    await expectRefusal(service, version, /takes other inputs than the live model \((f\d, )+f\d instead/);
  });

  it.each(foreign)('%s serves when its version says that the inputs may change', async (fixture) => {
    const service = await serveVersion1();
    const directory = `test/fixtures/models/${fixture}`;
    const { version } = await scene.lab.register(directory, { tags: { allow_signature_change: 'true' } });
    await scene.lab.setAlias('production', version);
    const { inputs, probabilities } = await expectedOf(directory);
    await eventually(async () => expect(await service.version(inputs[0]!.length)).toBe(version));
    for (const [i, features] of inputs.entries()) {
      expect((await service.predict(features)).body.probability).toBeCloseTo(probabilities[i]!, 6);
    }
  });

  it.each(foreign)('%s serves where nothing served before', async (fixture) => {
    const directory = `test/fixtures/models/${fixture}`;
    const { version } = await scene.lab.register(directory);
    await scene.lab.setAlias('production', version);
    const service = await scene.start();
    const { inputs } = await expectedOf(directory);
    expect(await service.version(inputs[0]!.length)).toBe(version);
    expect(await service.get('/meta')).toMatchObject({ body: { model: { digestVouched: false } } });
  });
});

async function expectedOf(directory: string): Promise<{ inputs: number[][]; probabilities: number[] }> {
  return JSON.parse(await readFile(path.join(directory, 'expected.json'), 'utf8')) as {
    inputs: number[][];
    probabilities: number[];
  };
}
