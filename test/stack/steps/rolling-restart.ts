import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { Load } from '../load.ts';
import type { Stack } from '../stack.ts';

const REPLICAS = 2;
/** Time for the load balancer to see a replica again, before the next one goes. */
const BETWEEN_MS = 2000;

/** Each replica in turn is restarted under load, behind a load balancer that repeats nothing. */
export async function checkRollingRestart(stack: Stack): Promise<void> {
  const compose = stack.compose.with('test/stack/replicas.yml');
  // Changes nothing when it is repeated, and ends when both are healthy.
  const up = ['up', '--detach', '--no-deps', '--wait', '--scale', `api=${REPLICAS}`, 'api', 'proxy'];
  await compose.run(...up);
  const replicas = await compose.containers('api');
  assert.equal(replicas.length, REPLICAS);

  const load = new Load(stack.service);
  await delay(BETWEEN_MS);
  for (const replica of replicas) {
    await compose.docker('restart', replica);
    await compose.run(...up);
    await delay(BETWEEN_MS);
  }
  await load.stop();

  process.stdout.write(
    `${load.answered} requests answered by ${load.replicas.size} replicas, ${load.failures.length} failed\n`,
  );
  assert.deepEqual(load.failures, []);
  assert.ok(load.replicas.size >= REPLICAS);
}
