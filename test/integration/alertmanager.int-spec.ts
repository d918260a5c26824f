import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { json } from 'node:stream/consumers';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { startHttpServer, type TestServer } from '../support/http-server.js';
import { monitoringBinary } from '../support/monitoring-binary.js';
import { alerts, readYaml } from '../support/monitoring-files.js';
import { type Program, startProgram } from '../support/start-program.js';

const JOB = 'credit-default-service';
const READY_WITHIN_MS = 20_000;
/** `group_wait` of what is critical, and some. */
const DELIVERED_WITHIN_MS = 25_000;

interface Delivery {
  receiver: string;
  status: string;
  alerts: { labels: Record<string, string> }[];
}

interface KnownAlert {
  labels: Record<string, string>;
  receivers: { name: string }[];
  status: { inhibitedBy: string[] };
}

const directory = mkdtempSync(path.join(tmpdir(), 'credit-default-alertmanager-'));
const deliveries: Delivery[] = [];
let webhook: TestServer;
let alertmanager: Program;
let url: string;

/** The repository's own configuration, with the address of the webhook where this test can write it. */
function configFile(): string {
  const urlFile = path.join(directory, 'url');
  writeFileSync(urlFile, `${webhook.url}/alerts`);
  const config = readYaml('deploy/monitoring/alertmanager/alertmanager.yml') as {
    receivers: { webhook_configs: { url_file: string }[] }[];
  };
  for (const { webhook_configs: webhooks } of config.receivers) {
    for (const each of webhooks) each.url_file = urlFile;
  }
  // JSON is YAML.
  const file = path.join(directory, 'alertmanager.json');
  writeFileSync(file, JSON.stringify(config));
  return file;
}

/** As Prometheus does: the alert of that name with its own labels, and these. */
function alert(name: string, labels: Record<string, string> = {}) {
  const { severity } = alerts.find((rule) => rule.alert === `CreditDefault${name}`)!.labels;
  return { labels: { alertname: `CreditDefault${name}`, job: JOB, severity, ...labels } };
}

beforeAll(async () => {
  const program = monitoringBinary('alertmanager');
  webhook = await startHttpServer((request, response) => {
    void json(request).then((delivery) => {
      deliveries.push(delivery as Delivery);
      return response.end();
    });
  });
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  alertmanager = startProgram(program, [
    `--config.file=${configFile()}`,
    `--storage.path=${directory}/data`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--cluster.listen-address=',
  ]);
  await eventually(async () => {
    const { ok } = await fetch(`${url}/-/ready`);
    if (!ok) throw new Error(`Alertmanager is not ready:\n${alertmanager.output()}`);
  }, READY_WITHIN_MS);
  await fire([
    alert('NoModel', { instance: 'a' }),
    alert('NoModel', { instance: 'b' }),
    alert('ServingStale', { instance: 'a' }),
    alert('ModelPinned', { instance: 'a' }),
    alert('InstanceDown', { instance: 'c' }),
    alert('LogSpooling', { instance: 'c' }),
    alert('RegistryUnreachable', { instance: 'd' }),
    alert('ServingStale', { instance: 'd' }),
    alert('LogDown', { instance: 'e' }),
    alert('LogFailing', { instance: 'e', kind: 'timeout' }),
    alert('LogFailing', { instance: 'a', kind: 'timeout' }),
    alert('ErrorBudgetBurnsFast'),
    alert('ErrorBudgetBurnsSlowly'),
  ]);
}, READY_WITHIN_MS);

afterAll(async () => {
  await alertmanager?.stop();
  await webhook?.close();
  rmSync(directory, { recursive: true });
});

async function fire(firing: { labels: Record<string, string> }[]): Promise<void> {
  const response = await fetch(`${url}/api/v2/alerts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(firing),
  });
  expect(response.status).toBe(200);
}

const known = async (): Promise<KnownAlert[]> => (await (await fetch(`${url}/api/v2/alerts`)).json()) as KnownAlert[];

const names = (those: { labels: Record<string, string> }[]): string[] =>
  those
    .map(({ labels }) => [labels['alertname']!.replace('CreditDefault', ''), labels['instance']].join(' ').trim())
    .toSorted();

describe('Alertmanager', () => {
  it('sends each severity to its receiver', async () => {
    for (const { labels, receivers } of await known()) {
      expect(receivers).toEqual([{ name: labels['severity'] }]);
    }
  });

  it('tells the cause and not what follows from it, on the same instance', async () => {
    const inhibited = (await known()).filter(({ status }) => status.inhibitedBy.length > 0);
    expect(names(inhibited)).toEqual(['ErrorBudgetBurnsSlowly', 'LogFailing e', 'LogSpooling c', 'ServingStale d']);
  });

  it(
    'posts one message for an alert about several instances to the webhook',
    async () => {
      const delivery = await eventually(() => {
        const found = deliveries.find(({ alerts: [first] }) => first?.labels['alertname'] === 'CreditDefaultNoModel');
        if (!found) throw new Error('The webhook has not been called.');
        return found;
      }, DELIVERED_WITHIN_MS);
      expect(delivery).toMatchObject({ receiver: 'critical', status: 'firing' });
      expect(names(delivery.alerts)).toEqual(['NoModel a', 'NoModel b']);
    },
    2 * DELIVERED_WITHIN_MS,
  );

  it('tells nothing else once the whole service is down', async () => {
    await fire([alert('ServiceDown')]);
    const told = (await known()).filter(({ status }) => status.inhibitedBy.length === 0);
    expect(names(told)).toEqual(['ServiceDown']);
  });
});
