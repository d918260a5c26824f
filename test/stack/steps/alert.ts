import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../../support/eventually.ts';
import { getJson } from '../client.ts';
import type { Stack } from '../stack.ts';

const ALERT = 'CreditDefaultErrorBudgetBurnsFast';
const UP_WITHIN_MS = 30_000;
const FIRES_WITHIN_MS = 180_000;
const BOOM_EVERY_MS = 100;

interface Alert {
  labels: Record<string, string>;
  state: string;
}

/** /boom in a loop has to reach whoever is called. */
export async function checkAlert({ service, prometheus, alertReceiver }: Stack): Promise<void> {
  await eventually(async () => {
    const { data } = await getJson<{ data: { result: { value: [number, string] }[] } }>(
      `${prometheus}/api/v1/query?query=${encodeURIComponent('up{job="credit-default-service"}')}`,
    );
    assert.deepEqual(
      data.result.map(({ value }) => value[1]),
      ['1'],
    );
  }, UP_WITHIN_MS);

  const loop = new AbortController();
  const booms = boomUntil(loop.signal, `${service}/boom`);
  try {
    await eventually(async () => {
      const { data } = await getJson<{ data: { alerts: Alert[] } }>(`${prometheus}/api/v1/alerts`);
      assert.ok(data.alerts.some(({ labels, state }) => labels['alertname'] === ALERT && state === 'firing'));
    }, FIRES_WITHIN_MS);
    await eventually(async () => {
      const received = await getJson<Alert[]>(alertReceiver);
      assert.ok(received.some(({ labels }) => labels['alertname'] === ALERT));
    }, FIRES_WITHIN_MS);
  } finally {
    loop.abort();
    await booms;
  }
}

async function boomUntil(signal: AbortSignal, url: string): Promise<void> {
  while (!signal.aborted) {
    const { status } = await fetch(url);
    assert.equal(status, 500);
    await delay(BOOM_EVERY_MS);
  }
}
