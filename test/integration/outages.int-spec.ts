import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { type FollowingService, NO_MODEL } from '../support/following-service.js';
import type { ArtifactMode } from '../support/registry-lab.js';
import { type ProxyMode, TcpProxy } from '../support/tcp-proxy.js';
import { registryScene, serves } from './registry-scene.js';

interface Server {
  name: string;
  mode: ArtifactMode;
  variable: string;
  /** How errors name it. */
  label: RegExp;
}
const SERVERS: Server[] = [
  { name: 'MLflow', mode: 'proxied', variable: 'MLFLOW_TRACKING_URI', label: /MLflow at http/ },
  { name: 'MinIO', mode: 'direct', variable: 'MLFLOW_S3_ENDPOINT_URL', label: /artifact store at http|s3:/ },
];

const FAULTS: [string, ProxyMode][] = [
  ['refuses connections', { kind: 'refuse' }],
  ['resets connections', { kind: 'reset' }],
  ['is slow', { kind: 'slow', bytesPerSecond: 100 }],
  ['is silent', { kind: 'silent' }],
  ['breaks off', { kind: 'cut', afterBytes: 50 }],
];

describe.each(SERVERS)('while $name', ({ mode, variable, label }) => {
  const scene = registryScene(() => mode);

  /** The service with the proxy between it and the server, and the first version registered. */
  async function prepare() {
    const proxy = scene.closeAfterwards(await TcpProxy.start(process.env[variable]!));
    const { version } = await scene.register();
    await scene.lab.setAlias('production', version);
    const cache = scene.temporaryDirectory();
    return { proxy, cache, start: () => scene.start({ [variable]: proxy.url, MODEL_CACHE_DIR: cache }) };
  }

  it.each(FAULTS)(
    '%s at the first start, the service is alive but not ready, says why, and catches up',
    async (_, fault) => {
      const { proxy, start } = await prepare();
      await proxy.setMode(fault);
      const service = await start();
      expect(await service.version()).toBe(NO_MODEL);
      expect((await service.get('/health/live')).status).toBe(200);
      expect((await service.get('/health/ready')).status).toBe(503);
      expect((await service.adminModel()).events[0]).toMatchObject({
        trigger: 'startup',
        result: 'unavailable',
        retryable: true,
        reason: expect.stringMatching(label),
      });
      await proxy.setMode({ kind: 'pass' });
      await serves(service, '1');
      expect((await service.get('/health/ready')).status).toBe(200);
    },
  );

  it.each(FAULTS)(
    '%s when the alias moves, the old version serves, the reason can be read, and it catches up',
    async (_, fault) => {
      const { proxy, start } = await prepare();
      const service = await start();
      await proxy.setMode(fault);
      const { version } = await scene.register();
      await scene.lab.setAlias('production', version);
      await expectUnavailable(service, label);
      await proxy.setMode({ kind: 'pass' });
      await serves(service, version);
      await eventually(async () =>
        expect(await service.adminModel()).toMatchObject({ registry: { lastError: null, failure: null } }),
      );
    },
  );

  it.each<[string, ProxyMode]>([
    ['refuses connections', { kind: 'refuse' }],
    ['resets connections', { kind: 'reset' }],
    ['grows slow', { kind: 'slow', bytesPerSecond: 100 }],
    ['falls silent', { kind: 'silent' }],
    ['breaks off', { kind: 'cut', afterBytes: 300_000 }],
  ])(
    '%s in the middle of a file, the old version serves, the reason can be read, and it catches up',
    async (_, fault) => {
      const { proxy, cache, start } = await prepare();
      const service = await start();
      const { version, artifactUri } = await scene.lab.register(await scene.modelDirectory());
      await scene.lab.putFile(artifactUri, 'weights.bin', Buffer.alloc(2_000_000, 7));
      await proxy.setMode({ kind: 'slow', bytesPerSecond: 400_000 });
      await scene.lab.setAlias('production', version);
      await eventually(async () => expect((await service.adminModel()).candidate).toBe(version));
      await eventually(async () => expect(await bytesOf('weights.bin', cache)).toBeGreaterThan(0));
      await proxy.setMode(fault);
      // Four files are on their way at a time: any of them may be the one that is named.
      await expectUnavailable(service, /weights\.bin|broke off before its end|The download from/);
      expect((await service.adminModel()).candidate).toBeNull();
      await proxy.setMode({ kind: 'pass' });
      await serves(service, version);
    },
  );
});

/** The new version could not be had, which is told, while the old one serves as if nothing were. */
async function expectUnavailable(service: FollowingService, reason: RegExp): Promise<void> {
  await eventually(async () => {
    const { live, events } = await service.adminModel();
    expect(live).toMatchObject({ version: '1' });
    expect(events).toContainEqual(
      expect.objectContaining({ result: 'unavailable', retryable: true, reason: expect.stringMatching(reason) }),
    );
  });
  expect(await service.version()).toBe('1');
  expect((await service.get('/health/ready')).status).toBe(200);
  expect(await service.get('/health')).toMatchObject({
    status: 200,
    body: { details: { registry: { status: 'degraded' } } },
  });
  expect((await service.metrics()).get('model_serving_stale')).toBe(1);
}

/** How much of a file has been downloaded so far. */
async function bytesOf(file: string, cache: string): Promise<number> {
  const downloads = path.join(cache, 'downloads');
  const arrived = (await readdir(downloads, { recursive: true })).find((name) => path.basename(name) === file);
  return arrived === undefined ? 0 : (await stat(path.join(downloads, arrived))).size;
}
