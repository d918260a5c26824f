import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Client } from 'pg';
import { type BuiltService, startBuiltService } from '../support/built-service.js';
import { type TestDatabase, testDatabases } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { writeVariant } from '../support/model-variant.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { temporaryDirectories } from '../support/temporary-directory.js';

const FEATURES = [50_000, 0, 0, 0, 0, 0.4, 0.35, 0.05, 1800, 0.1];
/** Outside the range of the first input, so that there is a warning. */
const ODD_FEATURES = [5_000_000, ...FEATURES.slice(1)];
const SINGLE = { data: { features: FEATURES }, reference: 'application-1' };
const BATCH = { data: Array.from({ length: 600 }, (_, i) => ({ features: i % 100 ? FEATURES : ODD_FEATURES })) };
const AUDIT_TOKEN = 'a-token-of-the-auditors';

const openDatabase = testDatabases();
let database: TestDatabase & { client: Client };
const services: BuiltService[] = [];

beforeEach(async () => {
  database = await openDatabase();
});
afterEach(async () => {
  await Promise.all(services.splice(0).map((service) => service.stop()));
});

const directories = temporaryDirectories();

async function start(env: Record<string, string> = {}): Promise<BuiltService> {
  const service = await startBuiltService({
    ...database.env,
    AUDIT_TOKEN,
    CALLER_HEADER: 'X-Consumer',
    // Nothing here is refused because a machine is slow.
    PREDICTION_LOG_COMMIT_TIMEOUT_MS: '10000',
    MAX_EVENT_LOOP_DELAY_MS: '1000',
    ...env,
  });
  services.push(service);
  return service;
}

interface Reply {
  status: number;
  text: string;
  isReplayed: boolean;
}

async function post(service: BuiltService, body: object, key: string, caller?: string): Promise<Reply> {
  const response = await fetch(`${service.url}/predict${'data' in body && Array.isArray(body.data) ? '/batch' : ''}`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      'Idempotency-Key': key,
      ...(caller !== undefined && { 'X-Consumer': caller }),
    },
    body: JSON.stringify(body),
  });
  return {
    status: response.status,
    text: await response.text(),
    isReplayed: response.headers.get('Idempotency-Replayed') === 'true',
  };
}

async function rowCount(): Promise<number> {
  const { rows } = await database.client.query<{ count: number }>('SELECT count(*)::int AS count FROM predictions');
  return rows[0]!.count;
}

describe('An Idempotency-Key', () => {
  it.each([
    ['single', SINGLE, 1],
    ['batch', BATCH, 600],
  ])('of a %s that comes 64 times at once to two replicas is recorded once', async (_kind, body, rows) => {
    const replicas = [await start(), await start()];
    const replies = await Promise.all(Array.from({ length: 64 }, (_, i) => post(replicas[i % 2]!, body, 'key-1')));
    const answered = replies.filter(({ status }) => status === 200);
    expect(replies.map(({ status }) => status).filter((status) => status !== 200 && status !== 409)).toEqual([]);
    expect(answered.filter(({ isReplayed }) => !isReplayed)).toHaveLength(1);
    expect(new Set(answered.map(({ text }) => text)).size).toBe(1);
    expect(await rowCount()).toBe(rows);
    for (const replica of replicas) {
      expect(await post(replica, body, 'key-1')).toEqual({ status: 200, text: answered[0]!.text, isReplayed: true });
    }
    expect(await rowCount()).toBe(rows);
  });

  it('is another one for another caller', async () => {
    const service = await start();
    const [shop, branch] = [
      await post(service, SINGLE, 'key-1', 'shop'),
      await post(service, SINGLE, 'key-1', 'branch'),
    ];
    expect(branch.isReplayed).toBe(false);
    expect(branch.text).not.toBe(shop.text);
  });

  it.each([
    ['single', SINGLE],
    ['batch', BATCH],
  ])('of a %s repeats the answer byte for byte, also after another model has gone live', async (_kind, body) => {
    const directory = path.join(directories(), 'model');
    await writeVariant('ml/model', directory, 0.4);
    const service = await start({ MODEL_URI: `file:${directory}` });
    const first = await post(service, body, 'key-1');
    expect(first).toMatchObject({ status: 200, isReplayed: false });
    await writeVariant('ml/model', directory, 0.41);
    await eventually(async () => expect((await post(service, SINGLE, crypto.randomUUID())).text).toContain('0.41'));
    expect(await post(service, body, 'key-1')).toEqual({ ...first, isReplayed: true });
    const restarted = await start({ MODEL_URI: `file:${directory}` });
    expect(await post(restarted, body, 'key-1')).toEqual({ ...first, isReplayed: true });
  });

  it('keeps no copy of the answer to a batch', async () => {
    const service = await start();
    await post(service, BATCH, 'key-1');
    const { rows } = await database.client.query('SELECT response, row_count FROM idempotency_records');
    expect(rows).toEqual([{ response: null, row_count: 600 }]);
  });

  it('of a batch is answered anew after the subject of one of its rows was erased', async () => {
    const service = await start();
    const data = BATCH.data.map((row, i) => (i === 7 ? { ...row, reference: 'subject-1' } : row));
    const first = await post(service, { data }, 'key-1');
    const erased = await fetch(`${service.url}/predictions?reference=subject-1`, {
      method: 'DELETE',
      headers: { Authorization: `Bearer ${AUDIT_TOKEN}` },
    });
    expect(await erased.json()).toMatchObject({ predictions: 1, idempotencyRecords: 1 });
    const again = await post(service, { data }, 'key-1');
    expect(again).toMatchObject({ status: 200, isReplayed: false });
    expect(again.text).not.toBe(first.text);
    expect(await rowCount()).toBe(1200);
  });

  it('of a request whose service was killed between its rows and their COMMIT is free at once', async () => {
    const proxy = await TcpProxy.start(database.url);
    const [killed, other] = [await start({ DATABASE_URL: proxy.url }), await start()];
    await post(killed, BATCH, 'warm-up');
    await proxy.setMode({ kind: 'stall', sends: 'COMMIT' });
    const stalled = proxy.silence();
    const broken = post(killed, BATCH, 'key-1').catch(() => undefined);
    await stalled;
    await killed.stop('SIGKILL');
    await broken;
    await proxy.close();
    const reply = await eventually(async () => {
      const answered = await post(other, BATCH, 'key-1');
      expect(answered).toMatchObject({ status: 200, isReplayed: false });
      return answered;
    });
    expect(await post(other, BATCH, 'key-1')).toEqual({ ...reply, isReplayed: true });
    expect(await rowCount()).toBe(1200);
  });
});
