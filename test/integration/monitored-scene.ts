import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { FollowingService } from '../support/following-service.js';
import { monitoringBinary } from '../support/monitoring-binary.js';
import { readYaml, RULES_DIRECTORY } from '../support/monitoring-files.js';
import { Prometheus } from '../support/prometheus.js';
import { RegistryLab } from '../support/registry-lab.js';

const JOB = 'credit-default-service';
const MODEL = 'test/fixtures/models/lightgbm-small';
const REFUSED_MODEL = 'test/fixtures/models/nan-probability';
const AUDIT_TOKEN = randomUUID();
const ROUND_MS = 100;
const LARGE_BATCH_ROWS = 1000;
/** What comes last: an alert with `for: 30s`, and what the daily maintenance has to tell after its first run. */
const LAST = ['ALERTS{alertstate="firing",severity="critical"}', 'prediction_log_default_partition_rows'];
const SEEN_WITHIN_MS = 120_000;

export interface MonitoredScene {
  prometheus: Prometheus;
  close(): Promise<void>;
}

/**
 * The built service with its database and its registry, a real Prometheus that scrapes it with the rules of this repository,
 * and clients that make use of all of it, and mistakes, until the scene is closed.
 */
export async function openMonitoredScene(): Promise<MonitoredScene> {
  // Where it is missing nothing has been started yet that would have to be ended.
  monitoringBinary('prometheus');
  const cacheDirectory = mkdtempSync(path.join(tmpdir(), 'credit-default-cache-'));
  const database = await createDatabase();
  const lab = await RegistryLab.create('proxied');
  await lab.register(MODEL);
  await lab.setAlias('production', '1');
  const service = await FollowingService.start({
    MODEL_URI: `models:/${lab.modelName}@production`,
    MODEL_CACHE_DIR: cacheDirectory,
    AUDIT_TOKEN,
    MLFLOW_WEBHOOK_SECRET: 'a secret that both know',
    // A busy machine is no failure of the log.
    PREDICTION_LOG_COMMIT_TIMEOUT_MS: '20000',
    ...database.env,
  });
  const prometheus = await Prometheus.start(configFor(service), history());
  const clients = new Clients(service.url);
  await expectSeen(prometheus, ['model_info']);
  await moveAlias(lab, service);
  await expectSeen(prometheus, LAST);
  return {
    prometheus,
    async close() {
      await clients.stop();
      await prometheus.close();
      await service.stop();
      await lab.close();
      await database.close();
      rmSync(cacheDirectory, { recursive: true });
    },
  };
}

/** The repository's own prometheus.yml, with the service at its address here, and all of it more often. */
function configFor(service: FollowingService) {
  const { scrape_configs: scrapes } = readYaml('deploy/monitoring/prometheus/prometheus.yml') as {
    scrape_configs: [{ job_name: string; dns_sd_configs: unknown }];
  };
  const { dns_sd_configs: _, ...scrape } = scrapes[0];
  return {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: [path.resolve(RULES_DIRECTORY, '*.yml')],
    scrape_configs: [{ ...scrape, static_configs: [{ targets: [new URL(service.url).host] }] }],
  };
}

/** What the rules would have recorded in the hours before: some of them look back over more than one. */
function history(): string {
  const now = Math.floor(Date.now() / 1000);
  const minutes = Array.from({ length: 180 }, (_, minute) => now - 60 * (180 + 60 - minute));
  const recorded = ([name, value]: [string, number]) =>
    minutes.map((time) => `${name}{job="${JOB}"} ${value} ${time}`).join('\n');
  const series: [string, number][] = [
    ['job:predictions:increase1h', 6000],
    ['job:predicted_defaults:increase1h', 1200],
  ];
  return `${series.map(recorded).join('\n')}\n# EOF\n`;
}

/** To a version that goes live, and to one that must not. */
async function moveAlias(lab: RegistryLab, service: FollowingService): Promise<void> {
  await lab.register(MODEL);
  await lab.setAlias('production', '2');
  await service.reload();
  await lab.register(REFUSED_MODEL);
  await lab.setAlias('production', '3');
  await service.reload();
}

const expectSeen = (prometheus: Prometheus, expressions: string[]): Promise<void> =>
  eventually(async () => {
    for (const expression of expressions) {
      if ((await prometheus.query(expression)).length === 0) throw new Error(`There is no ${expression}.`);
    }
  }, SEEN_WITHIN_MS);

class Clients {
  private stopped = false;
  private readonly rounds: Promise<void>;

  constructor(private readonly url: string) {
    this.rounds = this.send();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.rounds;
  }

  private async send(): Promise<void> {
    while (!this.stopped) {
      const { id } = (await this.predict([50, 0.5, 1])) as { id: string };
      await this.predict([0, 0, 0]);
      await this.predict([1]);
      await this.batch(3);
      await this.batch(LARGE_BATCH_ROWS);
      await this.request('GET', `/predictions/${id}`, undefined, { authorization: `Bearer ${AUDIT_TOKEN}` });
      await this.request('GET', '/admin/model');
      await this.request('GET', '/predictions');
      await this.request('POST', '/webhooks/mlflow', {});
      await this.request('GET', '/no-such-route');
      await this.request('GET', '/boom');
      await delay(ROUND_MS);
    }
  }

  private predict(features: number[]): Promise<unknown> {
    return this.request('POST', '/predict', { data: { features } });
  }

  private batch(rows: number): Promise<unknown> {
    return this.request('POST', '/predict/batch', {
      data: Array.from({ length: rows }, (_, row) => ({ features: [row % 600, 0.5, 1] })),
    });
  }

  private async request(method: string, route: string, body?: object, headers = {}): Promise<unknown> {
    const response = await fetch(`${this.url}${route}`, {
      method,
      headers: { ...headers, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    return response.json();
  }
}
