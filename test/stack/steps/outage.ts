import assert from 'node:assert/strict';
import { eventually } from '../../support/eventually.ts';
import { getJson, predict } from '../client.ts';
import type { Stack } from '../stack.ts';

const SERVES_WITHIN_MS = 60_000;

/** An instance that starts while the registry is away comes up on what it served last. */
export async function checkOutage({ compose, service }: Stack): Promise<void> {
  const before = (await predict(service)).model;
  await compose.run('stop', 'mlflow', 'minio');
  await compose.run('restart', 'api');
  await eventually(async () => assert.deepEqual((await predict(service)).model, before), SERVES_WITHIN_MS);
  const { details } = await getJson<{ details: { registry: { status: string } } }>(`${service}/health`);
  assert.equal(details.registry.status, 'degraded');

  await compose.run('up', '--detach', '--no-deps', '--wait', 'mlflow', 'minio');
}
