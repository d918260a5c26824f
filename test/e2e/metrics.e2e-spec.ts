import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import request from 'supertest';
import { fixtureModel } from '../support/fixture-models.js';
import { startTestApp } from '../support/test-app.js';

/** Names that dashboards and alerts use, with their labels. */
const SERVICE_METRICS: Record<string, string[]> = {
  http_requests_total: ['method', 'route', 'status'],
  http_request_duration_seconds_count: ['method', 'route', 'status'],
  http_requests_in_flight: [],
  predictions_total: ['prediction', 'version'],
  prediction_probability_count: [],
  model_inference_duration_seconds_count: [],
  model_inference_batch_rows_count: [],
  model_info: ['alias', 'digest', 'name', 'version'],
  model_loaded_timestamp_seconds: [],
  model_single_rows_gathered_first_total: [],
  model_warnings: [],
  model_reloads_total: ['result'],
  model_reload_duration_seconds_count: [],
  model_serving_stale: [],
  model_alias_behind_seconds: [],
  registry_up: [],
  registry_alias_info: ['version'],
  registry_last_success_timestamp_seconds: [],
  admin_auth_failures_total: [],
  process_cpu_seconds_total: [],
  nodejs_eventloop_lag_p99_seconds: [],
};

interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

let app: NestFastifyApplication;

beforeAll(async () => {
  app = await startTestApp({ MODEL_URI: fixtureModel('lightgbm-small'), BATCH_MAX_PENDING: '1' });
});
afterAll(() => app.close());

async function samples(): Promise<Sample[]> {
  const { status, text, headers } = await request(app.getHttpServer()).get('/metrics');
  expect(status).toBe(200);
  expect(headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
  return [...text.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)].map(([, name, labels = '', value]) => ({
    name: name!,
    labels: Object.fromEntries([...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, label]) => [key!, label!])),
    value: Number(value),
  }));
}

async function valueOf(name: string, labels: Record<string, string> = {}): Promise<number> {
  const all = await samples();
  const matching = all.filter(
    (sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
  );
  return matching.reduce((sum, { value }) => sum + value, 0);
}

const predict = () =>
  request(app.getHttpServer())
    .post('/predict')
    .send({ data: { features: [50, 0.5, 1] } });

describe('GET /metrics', () => {
  it.each(Object.entries(SERVICE_METRICS))('has %s with the labels %j', async (name, labels) => {
    await predict();
    const { text } = await request(app.getHttpServer()).get('/metrics');
    expect(text).toMatch(new RegExp(`^# TYPE ${name.replace(/_count$/, '')} `, 'm'));
    const ofName = (await samples()).filter((sample) => sample.name === name);
    for (const sample of ofName) expect(Object.keys(sample.labels).toSorted()).toEqual(labels);
    expect(ofName.length).toBeGreaterThan(0);
  });

  it('counts requests by route template, method and status', async () => {
    const ok = { method: 'POST', route: '/predict', status: '200' };
    const before = await valueOf('http_requests_total', ok);
    await predict();
    await request(app.getHttpServer())
      .post('/predict?query=1')
      .send({ data: { features: [50, 0.5, 1] } });
    expect(await valueOf('http_requests_total', ok)).toBe(before + 2);
    expect(await valueOf('http_request_duration_seconds_count', ok)).toBe(before + 2);
  });

  it("has one series for all unknown paths, 'unmatched', however many there are", async () => {
    for (const path of ['/s3cr3t-marker/1', '/s3cr3t-marker/2', '/wp-admin']) {
      await request(app.getHttpServer()).get(path);
    }
    const unknown = (await samples()).filter(
      ({ name, labels }) => name === 'http_requests_total' && labels['status'] === '404',
    );
    expect(unknown).toEqual([
      expect.objectContaining({ labels: { method: 'GET', route: 'unmatched', status: '404' } }),
    ]);
    expect(unknown[0]!.value).toBeGreaterThanOrEqual(3);
    expect((await request(app.getHttpServer()).get('/metrics')).text).not.toContain('s3cr3t-marker');
  });

  it.each([
    ['a path that cannot be decoded', '/%zz'],
    ['a parameter that is too long', `/predictions/${'x'.repeat(101)}`],
  ])('counts what is refused before it reaches a route: %s', async (_what, path) => {
    const refused = { method: 'GET', route: 'unmatched', status: '400' };
    const before = await valueOf('http_requests_total', refused);
    await request(app.getHttpServer()).get(path);
    expect(await valueOf('http_requests_total', refused)).toBe(before + 1);
    expect(await valueOf('http_request_duration_seconds_count', refused)).toBe(before + 1);
  });

  it('counts every row of a batch, small or large, by version and class', async () => {
    const before = await valueOf('predictions_total');
    const runs = await valueOf('model_inference_batch_rows_count');
    for (const n of [3, 1000]) {
      const data = Array.from({ length: n }, () => ({ features: [50, 0.5, 1] }));
      await request(app.getHttpServer()).post('/predict/batch').send({ data });
    }
    expect(await valueOf('predictions_total')).toBe(before + 1003);
    expect(await valueOf('prediction_probability_count')).toBe(before + 1003);
    expect(await valueOf('model_inference_batch_rows_count')).toBe(runs + 2);
  });

  it('counts no prediction for a refused request', async () => {
    const before = await valueOf('predictions_total');
    await request(app.getHttpServer())
      .post('/predict')
      .send({ data: { features: [1] } });
    expect(await valueOf('predictions_total')).toBe(before);
  });

  it('names the live model once', async () => {
    const info = (await samples()).filter(({ name }) => name === 'model_info');
    const { body: meta } = await request(app.getHttpServer()).get('/meta');
    const { name, version, digest } = meta.model;
    expect(info).toEqual([{ name: 'model_info', labels: { name, version, digest, alias: '' }, value: 1 }]);
    expect(await valueOf('model_loaded_timestamp_seconds')).toBeCloseTo(Date.parse(meta.model.loadedAt) / 1000, 2);
  });

  it.each([
    ['model_reloads_total', ['rejected', 'unavailable']],
    ['predictions_total', ['0', '1']],
    ['prediction_log_database_problem', ['disk_full', 'login', 'not_granted', 'read_only', 'unreachable']],
    ['prediction_log_failures_total', ['connection', 'full', 'refused', 'spool', 'timeout']],
    ['prediction_log_maintenance_failures_total', ['partitions', 'retention']],
    ['requests_shed_total', ['large_batches']],
    ['webhook_deliveries_total', ['accepted', 'duplicate', 'forged', 'stale']],
  ])('has the series of %s from the start, so that the first event is an increase', async (name, values) => {
    const shown = (await samples()).filter((sample) => sample.name === name);
    expect(shown.flatMap(({ labels }) => Object.values(labels))).toEqual(expect.arrayContaining(values));
  });

  it('does not say that the prediction log is down before anything was to be written', async () => {
    expect(await valueOf('prediction_log_up')).toBe(1);
  });

  it('sees one request in flight: the one that asks', async () => {
    expect(await valueOf('http_requests_in_flight')).toBe(1);
  });
});
