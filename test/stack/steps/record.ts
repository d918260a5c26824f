import assert from 'node:assert/strict';
import { getJson, predict } from '../client.ts';
import type { Stack } from '../stack.ts';

/** As in .env.example. */
const ADMIN_TOKEN = 'demo-admin-token';
const AUDIT_TOKEN = 'demo-audit-token';

/** What was answered so far is in the log, as it was, and what served is in the history. */
export async function checkRecord({ compose, service }: Stack): Promise<void> {
  const { id } = await predict(service);
  const { predictions } = await getJson<{ predictions: { id: string }[] }>(
    `${service}/predictions?limit=1`,
    AUDIT_TOKEN,
  );
  assert.equal(predictions[0]?.id, id);

  const { live } = await getJson<{ live: { version: string } }>(`${service}/admin/model`, ADMIN_TOKEN);
  assert.equal(live.version, '2');

  const verified = await compose.read('exec', '--no-TTY', 'api', 'node', 'dist/prediction-log/commands/verify.cli.js');
  assert.match(verified, /All of it fits/);
}
