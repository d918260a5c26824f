import { describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import type { FollowingService } from '../support/following-service.js';
import { PredictionLoad } from '../support/prediction-load.js';
import type { ArtifactMode } from '../support/registry-lab.js';
import { registryScene, type Scene, serves } from './registry-scene.js';

/** Registers versions 1, 2, …, all different, and starts the service on the first of them. */
async function serveFirstOf(count: number, scene: Scene, env?: Record<string, string>): Promise<FollowingService> {
  for (let i = 0; i < count; i++) await scene.register();
  await scene.lab.setAlias('production', '1');
  const service = await scene.start(env);
  expect(await service.version()).toBe('1');
  return service;
}

describe.each<ArtifactMode>(['proxied', 'direct'])('an alias that moves, with %s artifacts', (mode) => {
  const scene = registryScene(() => mode);

  it('is followed to a version that was never seen, and back', async () => {
    const service = await serveFirstOf(2, scene);
    await scene.lab.setAlias('production', '2');
    await serves(service, '2');
    await scene.lab.setAlias('production', '1');
    await serves(service, '1');
    // The new version answers a moment before its event is written down.
    await eventually(async () =>
      expect(await service.adminModel()).toMatchObject({
        live: { name: scene.lab.modelName, version: '1' },
        previous: { version: '2' },
        registry: { namedVersion: '1', lastError: null, failure: null },
        events: [
          { trigger: 'poll', result: 'swapped', version: '1' },
          { trigger: 'poll', result: 'swapped', version: '2' },
          { trigger: 'startup', result: 'swapped', version: '1' },
        ],
      }),
    );
  });

  it('costs no request in 20 moves under load', async () => {
    const service = await serveFirstOf(4, scene);
    const load = new PredictionLoad(service.url, 3, 8);
    for (let move = 1; move <= 20; move++) {
      const version = String((move % 4) + 1);
      await scene.lab.setAlias('production', version);
      await serves(service, version);
    }
    const answers = await load.stop();
    expect(answers.length).toBeGreaterThan(1000);
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    expect(new Set(answers.map(({ version }) => version))).toEqual(new Set(['1', '2', '3', '4']));
    await eventually(async () =>
      expect((await service.metrics()).get('model_reloads_total{result="swapped"}')).toBe(21),
    );
  });
});

describe('an alias', () => {
  const scene = registryScene(() => 'proxied');

  it('that moves is followed once by two triggers at once, and both are told of the version that is live', async () => {
    const service = await serveFirstOf(2, scene, { MODEL_POLL_INTERVAL_MS: '3600000' });
    await scene.lab.setAlias('production', '2');
    const answers = await Promise.all([service.reload(), service.reload()]);
    expect(answers.map(({ status, body }) => [status, body.result, body.live.version])).toEqual([
      [200, 'swapped', '2'],
      [200, 'unchanged', '2'],
    ]);
    const { events } = await service.adminModel();
    expect(events.filter(({ version }) => version === '2')).toHaveLength(1);
  });

  it.each<[string, () => Promise<void>]>([
    ['is deleted', () => scene.lab.deleteAlias('production')],
    ['goes with its version', () => scene.lab.deleteVersion('1')],
    ['goes with its model', () => scene.lab.deleteModel()],
  ])('that %s leaves the live model serving, and the reason can be read', async (_, remove) => {
    const service = await serveFirstOf(1, scene);
    await remove();
    await eventually(async () =>
      expect(await service.adminModel()).toMatchObject({
        registry: { namedVersion: '1', lastError: expect.stringContaining('does not have the alias') },
      }),
    );
    // One of them, or two: a look may be between its questions for the alias and for the files of the version.
    const { events } = await service.adminModel();
    expect(events.at(-1)).toMatchObject({ result: 'swapped' });
    expect(new Set(events.slice(0, -1).map(({ result }) => result))).toEqual(new Set(['unavailable']));
    expect(await service.version()).toBe('1');
    expect(await service.get('/health')).toMatchObject({
      status: 200,
      body: { details: { registry: { status: 'degraded' } } },
    });
    expect((await service.get('/health/ready')).status).toBe(200);
  });

  it('is followed again when its version was deleted and it names another', async () => {
    const service = await serveFirstOf(2, scene);
    await scene.lab.deleteVersion('1');
    await eventually(async () => expect((await service.adminModel()).registry.lastError).not.toBeNull());
    await scene.lab.setAlias('production', '2');
    await serves(service, '2');
    expect((await service.adminModel()).registry.lastError).toBeNull();
  });
});
