import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { readModelDirectory } from '../../src/model-registry/model-directory.js';
import { type ArtifactMode, RegistryLab } from '../support/registry-lab.js';
import { RegistryClient } from './registry-client.js';

const FIRST = 'test/fixtures/models/lightgbm-small';
const SECOND = 'test/fixtures/models/sklearn-plain';
const signal = new AbortController().signal;
const digestOf = async (directory: string): Promise<string> => (await readModelDirectory(directory)).digest;

let client: RegistryClient;
function follow(MODEL_URI: string): RegistryClient {
  client = new RegistryClient({ MODEL_URI });
  return client;
}
afterEach(() => client.close());

describe.each<{ mode: ArtifactMode; scheme: RegExp }>([
  { mode: 'proxied', scheme: /^mlflow-artifacts:\// },
  { mode: 'direct', scheme: /^s3:\/\/mlflow\// },
])('with $mode artifacts', ({ mode, scheme }) => {
  let lab: RegistryLab;
  beforeAll(async () => {
    lab = await RegistryLab.create(mode);
  });
  afterAll(() => lab.close());

  it('follows an alias from version to version', async () => {
    const first = await lab.register(FIRST, { tags: { sha256: await digestOf(FIRST) } });
    const second = await lab.register(SECOND, {
      tags: { allow_signature_change: 'true', default_class: '1', nullable_features: 'f0,f2' },
    });
    const { source } = follow(`models:/${lab.modelName}@production`);

    await lab.setAlias('production', first.version);
    const before = await source.resolve(signal);
    expect(before).toEqual({
      identity: first.modelId,
      name: lab.modelName,
      version: first.version,
      alias: 'production',
      runId: first.runId,
      artifactUri: expect.stringMatching(scheme),
      expectedDigest: await digestOf(FIRST),
      allowSignatureChange: false,
      tags: { defaultClass: undefined, nullableFeatures: undefined },
    });
    expect(await client.digestOf(before)).toBe(await digestOf(FIRST));

    await lab.setAlias('production', second.version);
    const after = await source.resolve(signal);
    expect(after).toMatchObject({ identity: second.modelId, version: second.version, allowSignatureChange: true });
    expect(after.tags).toEqual({ defaultClass: '1', nullableFeatures: 'f0,f2' });
    expect(await client.digestOf(after)).toBe(await digestOf(SECOND));
  });

  it('loads a version by its number, and pins another', async () => {
    const first = await lab.register(FIRST);
    const second = await lab.register(SECOND);
    const { source } = follow(`models:/${lab.modelName}/${second.version}`);
    expect(await source.resolve(signal)).toMatchObject({ version: second.version, alias: null });
    expect(await client.digestOf(await source.resolveVersion(first.version, signal))).toBe(await digestOf(FIRST));
  });

  it('loads a logged model that nobody registered', async () => {
    const logged = await lab.logModel(FIRST);
    const version = await follow(`models:/${logged.modelId}`).resolve();
    expect(version).toMatchObject({ identity: logged.modelId, version: logged.modelId, runId: logged.runId });
    expect(await client.digestOf(version)).toBe(await digestOf(FIRST));
  });

  it('loads the model that a run logged under a name', async () => {
    const logged = await lab.logModel(FIRST, 'challenger');
    const version = await follow(`runs:/${logged.runId}/challenger`).resolve();
    expect(version).toMatchObject({ identity: logged.modelId, artifactUri: logged.artifactUri });
    expect(await client.digestOf(version)).toBe(await digestOf(FIRST));
  });

  it("loads a folder of a run's own files", async () => {
    const { runId, artifactUri } = await lab.logRunFiles(FIRST, 'models/default');
    const version = await follow(`runs:/${runId}/models/default`).resolve();
    expect(version).toMatchObject({ identity: `runs:/${runId}/models/default`, runId, artifactUri });
    expect(await client.digestOf(version)).toBe(await digestOf(FIRST));
  });

  it('brings files of every kind: in folders, empty, with a blank in the name', async () => {
    const { artifactUri } = await lab.logModel(FIRST);
    await lab.putFile(artifactUri, path.join('code', 'deep', 'a b+c.py'), Buffer.from('x'));
    await lab.putFile(artifactUri, path.join('code', '__init__.py'), Buffer.alloc(0));
    const before = await digestOf(FIRST);
    const digest = await follow('file:ml/model').digestOf({ artifactUri });
    expect(digest).not.toBe(before);
    await lab.deleteFile(artifactUri, path.join('code', 'deep', 'a b+c.py'));
    await lab.deleteFile(artifactUri, path.join('code', '__init__.py'));
    expect(await client.digestOf({ artifactUri })).toBe(before);
  });

  it('tells a model that was deleted and registered anew from the one before', async () => {
    const logged = await lab.logRunFiles(FIRST, 'model');
    const name = `${lab.modelName}-again`;
    const { source } = follow(`models:/${name}/1`);
    await lab.registerRunFiles(logged, { name });
    const before = await source.resolve(signal);
    await lab.deleteModel(name);
    await lab.registerRunFiles(logged, { name });
    const after = await source.resolve(signal);
    expect(after).toMatchObject({ name, version: '1', runId: logged.runId });
    expect(after.identity).not.toBe(before.identity);
  });
});

describe('without a registry', () => {
  let lab: RegistryLab;
  beforeAll(async () => {
    lab = await RegistryLab.create('direct');
  });
  afterAll(() => lab.close());

  it('loads a folder of a bucket, and takes one that was written again for another version', async () => {
    const { artifactUri } = await lab.logModel(FIRST);
    const { source } = follow(artifactUri);
    const before = await source.resolve(signal);
    expect(before.artifactUri).toBe(artifactUri);
    expect(await client.digestOf(before)).toBe(await digestOf(FIRST));
    expect((await source.resolve(signal)).identity).toBe(before.identity);

    await lab.putFile(artifactUri, 'MLmodel', Buffer.from('flavors: {}'));
    expect((await source.resolve(signal)).identity).not.toBe(before.identity);
  });

  it('loads a directory', async () => {
    const version = await follow(`file:${FIRST}`).resolve();
    expect(await client.digestOf(version)).toBe(version.expectedDigest);
  });
});
