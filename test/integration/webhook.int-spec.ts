import { createHmac, randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import type { FollowingService } from '../support/following-service.js';
import { registryScene } from './registry-scene.js';

const SECRET = 'a secret that both know';
const BODY = JSON.stringify({ entity: 'model_version_alias', action: 'created', data: {} });

const scene = registryScene(() => 'proxied');

/** Serves version 1 and would not look again by itself within the test. */
async function start(): Promise<FollowingService> {
  await scene.register();
  await scene.register();
  await scene.lab.setAlias('production', '1');
  return scene.start({ MODEL_POLL_INTERVAL_MS: '3600000', MLFLOW_WEBHOOK_SECRET: SECRET });
}

interface Delivery {
  id?: string;
  secret?: string;
  sentAtMs?: number;
}

/** Sends what MLflow would. @returns the status */
async function deliver(
  service: FollowingService,
  { id = randomUUID(), secret = SECRET, sentAtMs = Date.now() }: Delivery = {},
): Promise<number> {
  const timestamp = String(Math.floor(sentAtMs / 1000));
  const signature = createHmac('sha256', secret).update(`${id}.${timestamp}.${BODY}`).digest('base64');
  const response = await fetch(`${service.url}/webhooks/mlflow`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-mlflow-delivery-id': id,
      'x-mlflow-timestamp': timestamp,
      'x-mlflow-signature': `v1,${signature}`,
    },
    body: BODY,
  });
  return response.status;
}

const lastLookAt = async (service: FollowingService): Promise<string | null> =>
  (await service.adminModel()).registry.lastLookAt;

describe('a webhook', () => {
  it('of a real MLflow makes the service follow the alias at once', async () => {
    const service = await start();
    await scene.lab.createWebhook(`${service.url}/webhooks/mlflow`, SECRET);
    await eventually(async () => {
      // Again, because MLflow goes on for a while with the list of webhooks that it has read before.
      await scene.lab.setAlias('production', '2');
      expect(await service.version()).toBe('2');
    });
    // The new version answers a moment before its event is written down.
    await eventually(async () =>
      expect((await service.adminModel()).events[0]).toMatchObject({
        trigger: 'webhook',
        result: 'swapped',
        version: '2',
      }),
    );
    expect((await service.metrics()).get('webhook_deliveries_total{result="accepted"}')).toBeGreaterThan(0);
  });

  it.each<[string, Delivery, string]>([
    ['forged', { secret: 'another secret' }, 'forged'],
    ['six minutes old', { sentAtMs: Date.now() - 360_000 }, 'stale'],
    ['from the future', { sentAtMs: Date.now() + 360_000 }, 'stale'],
  ])('that is %s is refused and leads to no look', async (_, delivery, result) => {
    const service = await start();
    const before = await lastLookAt(service);
    expect(await deliver(service, delivery)).toBe(401);
    expect((await service.metrics()).get(`webhook_deliveries_total{result="${result}"}`)).toBe(1);
    expect(await lastLookAt(service)).toBe(before);
  });

  it('that is repeated is taken once', async () => {
    const service = await start();
    const id = randomUUID();
    expect([await deliver(service, { id }), await deliver(service, { id })]).toEqual([202, 202]);
    const metrics = await service.metrics();
    expect(metrics.get('webhook_deliveries_total{result="accepted"}')).toBe(1);
    expect(metrics.get('webhook_deliveries_total{result="duplicate"}')).toBe(1);
  });

  it('that arrives many times over with a reload leads to one swap', async () => {
    const service = await start();
    await scene.lab.setAlias('production', '2');
    const deliveries = Array.from({ length: 20 }, () => deliver(service));
    const [reload, ...statuses] = await Promise.all([service.reload(), ...deliveries]);
    expect(reload).toMatchObject({ status: 200, body: { live: { version: '2' } } });
    expect(new Set(statuses)).toEqual(new Set([202]));
    await eventually(async () => expect(await service.version()).toBe('2'));
    const { events } = await service.adminModel();
    expect(events.map(({ version }) => version)).toEqual(['2', '1']);
  });

  it('finds nothing where no secret is known', async () => {
    await scene.register();
    await scene.lab.setAlias('production', '1');
    const service = await scene.start();
    expect(await deliver(service)).toBe(404);
  });
});
