/**
 * Does the whole stack do what the README says of it? Brings it up from nothing, uses it as its users would, and takes it
 * down. Exits 1 when anything is not as it should be.
 *
 *   node test/stack/smoke.ts          needs Docker; DATA names a copy of the data set, else it is downloaded
 */
import { Stack } from './stack.ts';
import { checkAlert } from './steps/alert.ts';
import { checkFirstRequests } from './steps/first-requests.ts';
import { checkOutage } from './steps/outage.ts';
import { checkPromotion } from './steps/promotion.ts';
import { checkRecord } from './steps/record.ts';
import { checkRollingRestart } from './steps/rolling-restart.ts';

const LOG_LINES = '60';

const stack = new Stack();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    process.stdout.write(`${signal}: taking the stack down\n`);
    void stack.compose.down().finally(() => process.exit(1));
  });
}

try {
  await step('comes up from nothing', () => stack.up());
  await step('answers its users at once', () => checkFirstRequests(stack));
  await step('serves a version that is trained and promoted inside it', () =>
    checkPromotion(stack, process.env['DATA']),
  );
  await step('proves what it answered', () => checkRecord(stack));
  await step('is watched, and calls somebody when requests fail', () => checkAlert(stack));
  await step('restarts and serves without MLflow and MinIO', () => checkOutage(stack));
  await step('restarts replica by replica without a failed request', () => checkRollingRestart(stack));
} catch (error) {
  process.exitCode = 1;
  process.stdout.write(`${(error as Error).stack}\n`);
  await stack.compose.run('ps', '--all');
  await stack.compose.run('logs', '--tail', LOG_LINES);
} finally {
  await step('leaves nothing behind', () => stack.down());
}

async function step(name: string, check: () => Promise<void>): Promise<void> {
  process.stdout.write(`-- ${name}\n`);
  const startedAt = performance.now();
  await check();
  process.stdout.write(`ok ${name} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)\n`);
}
