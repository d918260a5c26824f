import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import type { PredictBatchResponse, PredictResponse } from '../../src/prediction/prediction.schemas.js';
import { type BuiltService, runBuiltService, startBuiltService } from '../support/built-service.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { temporaryDirectories } from '../support/temporary-directory.js';

const FEATURES = [50_000, 0, 0, 0, 0, 0.4, 0.35, 0.05, 1800, 0.1];
const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';

let database: TestDatabase;
let proxy: TcpProxy;
let service: BuiltService | undefined;

beforeEach(async () => {
  database = await createDatabase();
  proxy = await TcpProxy.start(database.url);
});

afterEach(async () => {
  await service?.stop();
  service = undefined;
  await proxy.close();
  await database.close();
});

const directories = temporaryDirectories();

async function start(env: Record<string, string> = {}): Promise<BuiltService> {
  return (service = await startBuiltService({ ...database.env, DATABASE_URL: proxy.url, ...env }));
}

function post(route: string, body: object, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${service!.url}${route}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

const predict = () => post('/predict', { data: { features: FEATURES }, reference: 'application-1' });

async function statusOf(route: string): Promise<number> {
  return (await fetch(`${service!.url}${route}`)).status;
}

async function records(): Promise<Record<string, unknown>[]> {
  const client = new Client(database.url);
  await client.connect();
  const { rows } = await client.query(`
    SELECT p.*, c.model_name, c.model_version, c.model_digest, c.threshold, c.feature_names
    FROM predictions p JOIN scoring_contexts c ON c.id = p.context_id ORDER BY row_index NULLS FIRST`);
  await client.end();
  return rows;
}

describe('The prediction log of the built service', () => {
  it('holds what a client was told, from which inputs and by which model, when the client is told', async () => {
    await start({ CALLER_HEADER: 'X-Consumer' });
    const headers = {
      'X-Request-Id': 'request-7',
      traceparent: `00-${TRACE_ID}-b7ad6b7169203331-01`,
      'X-Consumer': 'web-shop',
    };
    const body = { data: { features: FEATURES }, reference: 'a-1' };
    const answer = (await (await post('/predict', body, headers)).json()) as PredictResponse;
    const [record] = await records();
    expect(record).toMatchObject({
      id: answer.id,
      reference: 'a-1',
      request_id: 'request-7',
      trace_id: TRACE_ID,
      caller: 'web-shop',
      batch_id: null,
      prediction: answer.prediction,
      threshold: answer.threshold,
      model_name: answer.model.name,
      model_version: answer.model.version,
      model_digest: answer.model.digest,
    });
    expect(Math.fround(record!['probability'] as number)).toBe(answer.probability);
    expect((record!['inputs'] as number[]).map(Math.fround)).toEqual(FEATURES.map(Math.fround));
    expect(record!['feature_names']).toHaveLength(FEATURES.length);
  });

  it.each([3, 3000])('holds all %d rows of a batch, in order', async (rows) => {
    await start();
    const data = Array.from({ length: rows }, (_, i) => ({
      features: [1000 * i, ...FEATURES.slice(1)],
      reference: `r-${i}`,
    }));
    const { predictions } = (await (await post('/predict/batch', { data })).json()) as PredictBatchResponse;
    const recorded = await records();
    expect(recorded.map(({ id }) => id)).toEqual(predictions.map(({ id }) => id));
    expect(recorded.map(({ reference }) => reference)).toEqual(data.map(({ reference }) => reference));
    expect(recorded.map(({ row_index: index }) => index)).toEqual(data.map((_, i) => i));
    expect(recorded.map(({ probability }) => Math.fround(probability as number))).toEqual(
      predictions.map(({ probability }) => probability),
    );
    expect(new Set(recorded.map(({ batch_id: batch }) => batch)).size).toBe(1);
  });

  it('makes the service start, ready, without PostgreSQL, refuse in time, and recover by itself', async () => {
    await proxy.setMode({ kind: 'refuse' });
    await start();
    expect(await statusOf('/health/ready')).toBe(200);
    const startedAt = performance.now();
    const refused = await predict();
    expect(performance.now() - startedAt).toBeLessThan(2000);
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get('Retry-After'))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({ code: 'PREDICTION_LOG_UNAVAILABLE' });
    await proxy.setMode({ kind: 'pass' });
    await eventually(async () => expect((await predict()).status).toBe(200));
    expect(await statusOf('/health/ready')).toBe(200);
  });

  it.each(['refuse', 'silent'] as const)(
    'answers from the spool when PostgreSQL is away (%s), and catches up',
    async (kind) => {
      await start({ PREDICTION_LOG_DURABILITY: 'spooled', PREDICTION_LOG_SPOOL_DIR: directories() });
      expect((await predict()).status).toBe(200);
      await proxy.setMode({ kind });
      const answers = await Promise.all(Array.from({ length: 20 }, predict));
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
      await proxy.setMode({ kind: 'reset' });
      await proxy.setMode({ kind: 'pass' });
      await eventually(async () => expect(await records()).toHaveLength(21));
    },
  );

  it('is complete after a shutdown, and its heads are in the log stream', async () => {
    await start();
    const answers = Promise.all(Array.from({ length: 50 }, predict));
    expect((await answers).map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 200));
    const stopping = service!;
    expect(await stopping.stop()).toBe(0);
    expect(await records()).toHaveLength(50);
    const heads = stopping
      .logs()
      .match(/"message":"Prediction log head".*"writer":"[0-9a-f-]{36}","sequence":\d+,"hash":"[0-9a-f]{64}"/g);
    expect(heads).not.toBeNull();
  });

  it('counts what it writes', async () => {
    await start();
    await predict();
    const metrics = await (await fetch(`${service!.url}/metrics`)).text();
    expect(metrics).toMatch(/^prediction_log_rows_written_total 1$/m);
    expect(metrics).toMatch(/^prediction_log_up 1$/m);
    expect(metrics).toMatch(/^prediction_log_queue_rows 0$/m);
    expect(metrics).toMatch(/^prediction_log_group_rows_count 1$/m);
    expect(metrics).toMatch(/^prediction_log_write_duration_seconds_count 1$/m);
  });

  it('must be decided on: without a database the service does not start, and says both ways out', async () => {
    const { exitCode, output } = await runBuiltService({ PREDICTION_LOG: '' });
    expect(exitCode).toBe(1);
    expect(output).toMatch(/DATABASE_URL: is needed.*PREDICTION_LOG=off/);
  });
});

describe('An Idempotency-Key', () => {
  it.each([
    ['/predict', { data: { features: FEATURES } }, 1],
    ['/predict/batch', { data: Array.from({ length: 300 }, () => ({ features: FEATURES })) }, 300],
  ])('gives %s the same answer again, and records it once', async (route, body, rows) => {
    await start();
    const headers = { 'Idempotency-Key': 'key-1' };
    const first = await post(route, body, headers);
    const again = await post(route, body, headers);
    expect([first.status, again.status]).toEqual([200, 200]);
    expect(await again.text()).toBe(await first.text());
    expect(again.headers.get('Content-Type')).toBe(first.headers.get('Content-Type'));
    expect(again.headers.get('Idempotency-Replayed')).toBe('true');
    expect(await records()).toHaveLength(rows);
  });

  it('gives one of many at the same time an answer, the others 409, and records it once', async () => {
    await start();
    const body = { data: { features: FEATURES } };
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => post('/predict', body, { 'Idempotency-Key': 'key-2' })),
    );
    expect(answers.map(({ status }) => status)).toContain(200);
    expect(answers.map(({ status }) => status).filter((status) => status !== 200 && status !== 409)).toEqual([]);
    expect(await records()).toHaveLength(1);
  });
});
