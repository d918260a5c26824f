import { describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { NO_MODEL } from '../support/following-service.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { registryScene, serves } from './registry-scene.js';

describe('a restart with MLflow and MinIO down', () => {
  const scene = registryScene(() => 'direct');

  /** The proxies before both servers, with the environment that leads through them and one cache for every start. */
  async function prepare() {
    const mlflow = scene.closeAfterwards(await TcpProxy.start(process.env['MLFLOW_TRACKING_URI']!));
    const minio = scene.closeAfterwards(await TcpProxy.start(process.env['MLFLOW_S3_ENDPOINT_URL']!));
    const setMode = async (kind: 'pass' | 'refuse') => {
      await mlflow.setMode({ kind });
      await minio.setMode({ kind });
    };
    return {
      goDown: () => setMode('refuse'),
      comeUp: () => setMode('pass'),
      env: {
        MLFLOW_TRACKING_URI: mlflow.url,
        MLFLOW_S3_ENDPOINT_URL: minio.url,
        MODEL_CACHE_DIR: scene.temporaryDirectory(),
      },
    };
  }

  it('comes up ready on the version that served last, says how old its knowledge is, and follows again', async () => {
    const { goDown, comeUp, env } = await prepare();
    await scene.register();
    await scene.register();
    await scene.lab.setAlias('production', '1');
    const before = await scene.start(env);
    await scene.lab.setAlias('production', '2');
    await serves(before, '2');
    // What is live is written down before the next reload begins.
    expect(await before.reload()).toMatchObject({ body: { result: 'unchanged' } });
    await before.stop('SIGKILL');
    await goDown();
    const downSince = new Date().toISOString();

    const after = await scene.start(env);
    expect(await after.version()).toBe('2');
    expect((await after.get('/health/ready')).status).toBe(200);
    expect(await after.get('/health')).toMatchObject({
      status: 200,
      body: { details: { registry: { status: 'degraded' } } },
    });
    const { registry, events } = await after.adminModel();
    expect(registry.lastError).toContain('MLflow');
    expect(registry.lastSuccessAt! < downSince).toBe(true);
    expect(events[0]).toMatchObject({ result: 'restored', version: '2' });

    const third = await scene.register();
    await scene.lab.setAlias('production', third.version);
    await comeUp();
    await serves(after, third.version);
  });

  it('comes up on the pinned version, pinned', async () => {
    const { goDown, comeUp, env } = await prepare();
    await scene.register();
    await scene.register();
    await scene.lab.setAlias('production', '2');
    const before = await scene.start(env);
    expect(await before.pin('1')).toMatchObject({ status: 200, body: { result: 'pinned', live: { version: '1' } } });
    await before.stop('SIGKILL');
    await goDown();

    const after = await scene.start(env);
    expect(await after.version()).toBe('1');
    expect(await after.adminModel()).toMatchObject({ pinned: true, previous: { version: '2' } });
    await comeUp();
    await eventually(async () => expect((await after.adminModel()).registry.namedVersion).toBe('2'));
    expect(await after.version()).toBe('1');
  });

  it('rolls back to the version before', async () => {
    const { goDown, env } = await prepare();
    await scene.register();
    await scene.register();
    await scene.lab.setAlias('production', '1');
    const before = await scene.start(env);
    await scene.lab.setAlias('production', '2');
    await serves(before, '2');
    await before.stop();
    await goDown();

    const after = await scene.start(env);
    expect(await after.rollback()).toMatchObject({
      status: 200,
      body: { result: 'rolled-back', live: { version: '1' } },
    });
    expect(await after.version()).toBe('1');
  });

  it('has no model when nothing is cached, and when another MODEL_URI served last', async () => {
    const { goDown, comeUp, env } = await prepare();
    await scene.register();
    await scene.lab.setAlias('production', '1');
    await scene.lab.setAlias('staging', '1');
    await (await scene.start(env)).stop();
    await goDown();
    const after = await scene.start({ ...env, MODEL_URI: `models:/${scene.lab.modelName}@staging` });
    expect(await after.version()).toBe(NO_MODEL);
    expect((await after.get('/health/live')).status).toBe(200);
    expect((await after.get('/health/ready')).status).toBe(503);
    await comeUp();
    await serves(after, '1');
  });
});
