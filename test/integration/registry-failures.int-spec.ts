import { readdir, readlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { RegistryFailure } from '../../src/model-registry/registry-error.js';
import { type ArtifactMode, type LoggedVersion, RegistryLab } from '../support/registry-lab.js';
import { type ProxyMode, TcpProxy } from '../support/tcp-proxy.js';
import { RegistryClient } from './registry-client.js';

const MODEL = 'test/fixtures/models/lightgbm-small';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each.close();
});

function clientOf(MODEL_URI: string, env: Record<string, string> = {}): RegistryClient {
  const client = new RegistryClient({ MODEL_URI, MODEL_REGISTRY_TIMEOUT_MS: '1000', ...env });
  open.push(client);
  return client;
}

/** Files below the temporary directory that this process has open. */
async function openDownloads(): Promise<string[]> {
  const descriptors = await readdir('/proc/self/fd');
  const targets = await Promise.all(descriptors.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
  return targets.filter((target) => target.startsWith(`${tmpdir()}/download-`));
}

describe.each<ArtifactMode>(['proxied', 'direct'])('what is missing, with %s artifacts', (mode) => {
  let lab: RegistryLab;
  beforeAll(async () => {
    lab = await RegistryLab.create(mode);
    await lab.register(MODEL);
  });
  afterAll(() => lab.close());

  it.each([
    ['an alias', () => `models:/${lab.modelName}@nowhere`],
    ['a model', () => `models:/${lab.modelName}-other@production`],
    ['a version', () => `models:/${lab.modelName}/99`],
    ['a logged model', () => 'models:/m-00000000000000000000000000000000'],
    ['a run', () => 'runs:/00000000000000000000000000000000/model'],
  ])('is told of %s', async (_, uri) => {
    await expect(clientOf(uri()).resolve()).rejects.toMatchObject({ failure: 'not-found' });
  });

  it('is told of a version that was deleted while its alias pointed at it', async () => {
    const { version } = await lab.register(MODEL);
    await lab.setAlias('doomed', version);
    const client = clientOf(`models:/${lab.modelName}@doomed`);
    await expect(client.resolve()).resolves.toMatchObject({ version });
    await lab.deleteVersion(version);
    await expect(client.resolve()).rejects.toMatchObject({ failure: 'not-found' });
  });

  it('is told of files that were deleted', async () => {
    const { artifactUri } = await lab.logRunFiles(MODEL, 'model');
    const client = clientOf('file:ml/model');
    await expect(client.digestOf({ artifactUri: `${artifactUri}-gone` })).rejects.toMatchObject({
      failure: 'not-found',
    });
  });
});

describe('credentials', () => {
  it('are asked for when the store refuses them', async () => {
    const client = clientOf('s3://mlflow/any/model', { AWS_SECRET_ACCESS_KEY: 'not-the-one' });
    await expect(client.resolve()).rejects.toMatchObject({
      failure: 'unauthorized',
      message: expect.not.stringContaining('not-the-one'),
    });
  });

  it('are not blamed when MLflow does not know the host name', async () => {
    const { port } = new URL(process.env['MLFLOW_TRACKING_URI']!);
    const client = clientOf('models:/any@production', { MLFLOW_TRACKING_URI: `http://[::ffff:127.0.0.1]:${port}` });
    await expect(client.resolve()).rejects.toMatchObject({
      failure: 'unauthorized',
      message: expect.stringContaining('--allowed-hosts'),
    });
  });
});

describe.each<{ mode: ArtifactMode; server: string }>([
  { mode: 'proxied', server: 'MLFLOW_TRACKING_URI' },
  { mode: 'direct', server: 'MLFLOW_S3_ENDPOINT_URL' },
])('a network that breaks before $server', ({ mode, server }) => {
  let lab: RegistryLab;
  let logged: LoggedVersion;
  let proxy: TcpProxy;
  beforeAll(async () => {
    lab = await RegistryLab.create(mode);
    logged = await lab.logModel(MODEL);
    await lab.putFile(logged.artifactUri, 'weights.bin', Buffer.alloc(1_000_000, 7));
  });
  afterAll(() => lab.close());
  beforeEach(async () => {
    proxy = await TcpProxy.start(process.env[server]!);
    open.push(proxy);
  });

  const clientThrough = (env: Record<string, string> = {}): RegistryClient => {
    const MODEL_URI = mode === 'direct' ? logged.artifactUri : `models:/${logged.modelId}`;
    return clientOf(MODEL_URI, { [server]: proxy.url, ...env });
  };

  it.each<[ProxyMode['kind'], ProxyMode, RegistryFailure]>([
    ['refuse', { kind: 'refuse' }, 'unreachable'],
    ['reset', { kind: 'reset' }, 'unreachable'],
    ['silent', { kind: 'silent' }, 'timeout'],
    ['slow', { kind: 'slow', bytesPerSecond: 100 }, 'timeout'],
  ])('fails a look at the model: %s', async (_, fault, failure) => {
    const client = clientThrough();
    await proxy.setMode(fault);
    await expect(client.resolve()).rejects.toMatchObject({ failure });
    await proxy.setMode({ kind: 'pass' });
    await expect(client.resolve()).resolves.toMatchObject({ artifactUri: logged.artifactUri });
  });

  it.each<[string, ProxyMode, Record<string, string>, RegistryFailure]>([
    ['is cut half way', { kind: 'cut', afterBytes: 300_000 }, {}, 'incomplete'],
    ['crawls', { kind: 'slow', bytesPerSecond: 300_000 }, { MODEL_DOWNLOAD_TIMEOUT_MS: '1500' }, 'timeout'],
  ])('fails a download that %s, with nothing left open', async (_, fault, env, failure) => {
    const client = clientThrough(env);
    await proxy.setMode(fault);
    await expect(client.digestOf(logged)).rejects.toMatchObject({ failure });
    expect(await openDownloads()).toEqual([]);
    await proxy.setMode({ kind: 'pass' });
    await expect(client.digestOf(logged)).resolves.toHaveLength(64);
  });

  it('does not download what is larger than allowed', async () => {
    const client = clientThrough({ MODEL_MAX_BYTES: '1000000' });
    await expect(client.digestOf(logged)).rejects.toMatchObject({ failure: 'too-large' });
  });

  it('fails a download that stops half way, with nothing left open', async () => {
    const client = clientThrough();
    await proxy.setMode({ kind: 'silent', afterBytes: 300_000 });
    await expect(client.digestOf(logged)).rejects.toMatchObject({ failure: 'timeout' });
    expect(await openDownloads()).toEqual([]);
  });

  it("ends a download at the caller's word, with nothing left open", async () => {
    const caller = new AbortController();
    const client = clientThrough({ MODEL_REGISTRY_TIMEOUT_MS: '20000' });
    await proxy.setMode({ kind: 'silent', afterBytes: 300_000 });
    const download = client.digestOf(logged, caller.signal);
    await proxy.silence();
    expect(await openDownloads()).toContainEqual(expect.stringContaining('weights.bin'));
    caller.abort(new Error('shutting down'));
    await expect(download).rejects.toThrow('shutting down');
    expect(await openDownloads()).toEqual([]);
  });

  it('does not mind that the connections it kept were reset meanwhile', async () => {
    const client = clientThrough();
    await client.resolve();
    await proxy.setMode({ kind: 'reset' });
    await proxy.setMode({ kind: 'pass' });
    await expect(client.resolve()).resolves.toMatchObject({ artifactUri: logged.artifactUri });
  });
});
