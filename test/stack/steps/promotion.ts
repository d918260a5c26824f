import assert from 'node:assert/strict';
import path from 'node:path';
import { eventually } from '../../support/eventually.ts';
import { get, predict } from '../client.ts';
import type { Stack } from '../stack.ts';

/** Less than MODEL_POLL_INTERVAL_MS allows a look to be late, and so the webhook's work. */
const SERVED_WITHIN_MS = 5000;
const DATA_INSIDE = '/tmp/data.csv';

/** @param data a copy of the data set; without it the commands download it */
export async function checkPromotion({ compose, service }: Stack, data: string | undefined): Promise<void> {
  const volume = data ? ['--volume', `${path.resolve(data)}:${DATA_INSIDE}:ro`] : [];
  const option = data ? ['--data', DATA_INSIDE] : [];
  const ml = (...args: string[]) => compose.run('run', '--rm', '--no-TTY', ...volume, 'training', ...args, ...option);

  await ml('ml/train.py');
  assert.equal((await predict(service)).model.version, '1');
  await ml('ml/evaluate.py', '--promote');
  await eventually(async () => assert.equal((await predict(service)).model.version, '2'), SERVED_WITHIN_MS);

  assert.match(await (await get(`${service}/metrics`)).text(), /^webhook_deliveries_total\{result="accepted"\} [1-9]/m);
}
