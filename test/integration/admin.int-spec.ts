import { describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import type { FollowingService } from '../support/following-service.js';
import { registryScene, serves } from './registry-scene.js';

const scene = registryScene(() => 'proxied');

/** Version 1 served, version 2 is live, version 3 is registered. */
async function start(): Promise<FollowingService> {
  for (let i = 0; i < 3; i++) await scene.register();
  await scene.lab.setAlias('production', '1');
  const service = await scene.start();
  await scene.lab.setAlias('production', '2');
  await serves(service, '2');
  return service;
}

/** Waits for a look that saw the alias there. */
const sees = (service: FollowingService, version: string): Promise<void> =>
  eventually(async () => expect((await service.adminModel()).registry.namedVersion).toBe(version));

describe('a rollback', () => {
  it('goes to the version before, and stays there when the alias moves on', async () => {
    const service = await start();
    expect(await service.rollback()).toMatchObject({
      status: 200,
      body: { scope: 'instance', result: 'rolled-back', live: { version: '1' } },
    });
    await scene.lab.setAlias('production', '3');
    await sees(service, '3');
    expect(await service.version()).toBe('1');
    expect(await service.adminModel()).toMatchObject({
      pinned: true,
      live: { version: '1' },
      previous: null,
    });
    expect((await service.metrics()).get('model_alias_behind_seconds')).toBe(0);
  });

  it('is not undone by another one', async () => {
    const service = await start();
    await service.rollback();
    expect(await service.rollback()).toMatchObject({ status: 409, body: { code: 'NO_PREVIOUS_MODEL' } });
    expect(await service.version()).toBe('1');
  });

  it('is refused where one version only has served', async () => {
    await scene.register();
    await scene.lab.setAlias('production', '1');
    const service = await scene.start();
    expect(await service.rollback()).toMatchObject({ status: 409, body: { code: 'NO_PREVIOUS_MODEL' } });
  });
});

describe('a pin', () => {
  it('goes to any version, holds it until it is taken off, and then the alias is followed', async () => {
    const service = await start();
    expect(await service.pin('3')).toMatchObject({ status: 200, body: { result: 'pinned', live: { version: '3' } } });
    await scene.lab.setAlias('production', '1');
    await sees(service, '1');
    expect(await service.version()).toBe('3');
    expect(await service.reload()).toMatchObject({ status: 200, body: { result: 'held-by-pin' } });
    expect(await service.unpin()).toMatchObject({ status: 200, body: { result: 'unpinned', live: { version: '1' } } });
    await scene.lab.setAlias('production', '2');
    await serves(service, '2');
  });

  it('to a version that is not there, or must not serve, changes nothing and says why', async () => {
    const service = await start();
    const bad = await scene.lab.register('test/fixtures/models/known-rows-off');
    expect(await service.pin('99')).toMatchObject({
      status: 404,
      body: { detail: expect.stringContaining('version 99') },
    });
    expect(await service.pin(bad.version)).toMatchObject({
      status: 409,
      body: { code: 'MODEL_REJECTED', detail: expect.stringContaining('Known row') },
    });
    expect(await service.adminModel()).toMatchObject({
      pinned: false,
      live: { version: '2' },
      registry: { failure: null },
    });
    await scene.lab.setAlias('production', '3');
    await serves(service, '3');
  });
});

describe('a reload', () => {
  it('tries at once what was refused before', async () => {
    const service = await start();
    const bad = await scene.lab.register('test/fixtures/models/known-rows-off');
    await scene.lab.setAlias('production', bad.version);
    await eventually(async () => expect((await service.adminModel()).registry.failure).not.toBeNull());
    expect(await service.reload()).toMatchObject({ status: 409, body: { code: 'MODEL_REJECTED' } });
    const { events } = await service.adminModel();
    expect(events.filter(({ result }) => result === 'rejected').map(({ trigger }) => trigger)).toEqual([
      'admin',
      'poll',
    ]);
  });
});
