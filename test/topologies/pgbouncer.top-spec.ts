import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Client } from 'pg';
import { directOptions } from '../../src/database/client-options.js';
import { Database } from '../../src/database/database.js';
import { migrate } from '../../src/database/migrate.js';
import { idRange } from '../../src/prediction-log/scan/id-range.js';
import { onSnapshot } from '../../src/prediction-log/scan/snapshot.js';
import { verifyLog } from '../../src/prediction-log/verify/verify-log.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { startTestApp } from '../support/test-app.js';
import { testConfig } from '../support/test-config.js';
import { PgBouncer } from './pgbouncer.js';

const CONNECTIONS = 16;
const REQUESTS = 600;
const AUDIT_TOKEN = 'token-of-the-auditors-of-the-tests';
/** Some take all three digits of a float32 that `extra_float_digits = 0` would leave out. */
const INCOMES = [50_000, 1234.567, 33_333.33];
const IGNORED = 'extra_float_digits, options, statement_timeout, idle_in_transaction_session_timeout';

let database: TestDatabase;
let pooler: PgBouncer;
let app: NestFastifyApplication | undefined;
let url: string;

beforeEach(async () => {
  database = await createDatabase();
});

afterEach(async () => {
  await app?.close();
  app = undefined;
  await pooler.close();
  await database.close();
});

const featuresOf = (i: number) => [INCOMES[i % INCOMES.length]! + i, i % 7, 0, i % 5, 0, 0.4, 0.35, 0.05, 1800, 0.1];

/** Single predictions, with and without a key, and a batch now and then. */
function requestOf(i: number): { path: string; body: object; headers: Record<string, string> } {
  const headers: Record<string, string> = i % 10 === 1 ? { 'Idempotency-Key': randomUUID() } : {};
  const row = { features: featuresOf(i), reference: `application-${i}` };
  if (i % 20 === 0) return { path: '/predict/batch', body: { data: Array.from({ length: 20 }, () => row) }, headers };
  return { path: '/predict', body: { data: { features: row.features }, reference: row.reference }, headers };
}

interface Answer {
  id: string;
  probability: number;
}

const auditor = { Authorization: `Bearer ${AUDIT_TOKEN}` };

async function send(i: number): Promise<{ status: number; answers: Answer[] }> {
  const { path, body, headers } = requestOf(i);
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as Answer | { predictions: Answer[] };
  return { status: response.status, answers: 'predictions' in answer ? answer.predictions : [answer] };
}

async function sendAll(): Promise<{ failed: number; answers: Answer[] }> {
  let next = 0;
  let failed = 0;
  const answers: Answer[] = [];
  const client = async () => {
    for (let i = next++; i < REQUESTS; i = next++) {
      const reply = await send(i);
      if (reply.status === 200) answers.push(...reply.answers);
      else failed++;
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, client));
  return { failed, answers };
}

const environment = () => ({
  ...database.env,
  DATABASE_URL: pooler.url,
  DATABASE_DIRECT_URL: database.url,
  AUDIT_TOKEN,
  // What is proved is that none fails; this machine may be slow.
  PREDICTION_LOG_COMMIT_TIMEOUT_MS: '10000',
});

/** What decides whether the service starts. */
async function start(env: Record<string, string> = {}): Promise<void> {
  const connections = new Database(testConfig({ ...environment(), ...env }));
  try {
    await connections.onModuleInit();
  } finally {
    await connections.onApplicationShutdown();
  }
}

Logger.overrideLogger(false);

describe('Through PgBouncer', () => {
  it.each([
    ['in transaction mode, as Debian has it', { pool_mode: 'transaction' }],
    ['that takes parameters and drops them', { pool_mode: 'transaction', ignore_startup_parameters: IGNORED }],
    ['in session mode', { pool_mode: 'session', default_pool_size: '20' }],
  ])(
    'answers, looks up, erases and verifies: %s',
    async (_, settings) => {
      pooler = await PgBouncer.start(database.url, settings);
      app = await startTestApp(environment());
      await app.listen(0, '127.0.0.1');
      url = await app.getUrl();
      const { failed, answers } = await sendAll();
      expect(failed).toBe(0);

      for (const { id, probability } of answers.slice(0, 20)) {
        const record = await fetch(`${url}/predictions/${id}`, { headers: auditor });
        expect(await record.json()).toMatchObject({ id, probability });
      }
      const erasure = await fetch(`${url}/predictions?reference=application-1`, {
        method: 'DELETE',
        headers: auditor,
      });
      expect(erasure.status).toBe(200);
      expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ status: 'ok' });

      const { findings } = await onSnapshot(directOptions(testConfig(environment())), (query) =>
        verifyLog(query, idRange(undefined, undefined), database.env.PREDICTION_LOG_CHAIN_KEY, []),
      );
      expect(findings.count).toBe(0);
      const client = new Client({ connectionString: database.url });
      await client.connect();
      const { rows } = await client.query('SELECT count(*)::int AS count FROM predictions');
      await client.end();
      expect(rows).toEqual([{ count: answers.length }]);
    },
    120_000,
  );

  it('does not start without DATABASE_DIRECT_URL, and says so', async () => {
    pooler = await PgBouncer.start(database.url, { pool_mode: 'transaction' });
    await expect(start({ DATABASE_DIRECT_URL: '' })).rejects.toThrow(
      'Set DATABASE_DIRECT_URL to the same database on PostgreSQL itself',
    );
  });

  it.each([
    ['extra_float_digits', '0'],
    ['datestyle', 'German'],
    ['client_min_messages', 'error'],
  ])('does not start where numbers, dates or warnings would not be as the log needs them: %s', async (name, value) => {
    pooler = await PgBouncer.start(database.url, { pool_mode: 'transaction' });
    const client = new Client({ connectionString: database.url });
    await client.connect();
    await client.query(
      `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET ${name} = ${value}', current_database()); END $$`,
    );
    await client.end();
    // The connections that it has are from before.
    await pooler.close();
    pooler = await PgBouncer.start(database.url, { pool_mode: 'transaction' });
    await expect(start()).rejects.toThrow('ALTER ROLE … SET extra_float_digits = 1; ALTER ROLE … SET datestyle = ISO');
  });

  it.each([
    ['migration:run', () => migrate(testConfig({ ...environment(), DATABASE_DIRECT_URL: '' }), 60_000)],
    [
      'log:verify and log:export',
      () => onSnapshot(directOptions(testConfig({ ...environment(), DATABASE_DIRECT_URL: '' })), async () => undefined),
    ],
  ])('does not do without a session of its own: %s', async (_, command) => {
    pooler = await PgBouncer.start(database.url, { pool_mode: 'transaction' });
    await expect(command()).rejects.toThrow('set DATABASE_DIRECT_URL to PostgreSQL itself');
  });
});
