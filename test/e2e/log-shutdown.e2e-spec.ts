import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { type BuiltService, startBuiltService } from '../support/built-service.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { fixtureModel } from '../support/fixture-models.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { temporaryDirectories } from '../support/temporary-directory.js';

const QUEUE_MAX = 100;
const COMMIT_TIMEOUT_MS = 3000;
/** DATABASE_STATEMENT_TIMEOUT_MS, and a second for the connection. */
const LAST_STATEMENT_MS = 1000 + 1000;
/** What else a shutdown takes, also on a busy machine. */
const SLACK_MS = 3000;
const BOUNDED = {
  PREDICTION_LOG_COMMIT_TIMEOUT_MS: String(COMMIT_TIMEOUT_MS),
  DATABASE_STATEMENT_TIMEOUT_MS: '1000',
};

let database: TestDatabase;
let proxy: TcpProxy;
let client: Client;
let service: BuiltService;

beforeEach(async () => {
  database = await createDatabase();
  proxy = await TcpProxy.start(database.url);
  client = new Client(database.url);
  await client.connect();
});

afterEach(async () => {
  await service.stop('SIGKILL');
  await client.end();
  await proxy.close();
  await database.close();
});

const directories = temporaryDirectories();

async function start(env: Record<string, string>): Promise<void> {
  service = await startBuiltService({
    ...database.env,
    DATABASE_URL: proxy.url,
    MODEL_URI: fixtureModel('lightgbm-small'),
    PREDICTION_LOG_QUEUE_MAX: String(QUEUE_MAX),
    // A process that has just started is slow, and is not to refuse anything for that.
    MAX_EVENT_LOOP_DELAY_MS: '10000',
    ...env,
  });
  // The lanes have their connections.
  expect((await predict()).status).toBe(200);
}

interface Answer {
  status: number;
  retryAfter: string | null;
  id: string | undefined;
  code: string | undefined;
}

async function predict(): Promise<Answer> {
  const response = await fetch(`${service.url}/predict`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: '{"data":{"features":[40,0.5,1]}}',
  });
  const { id, code } = (await response.json()) as { id?: string; code?: string };
  return { status: response.status, retryAfter: response.headers.get('Retry-After'), id, code };
}

/** Sends requests whose answers fill the queue while nothing can be written. */
async function fillQueue(): Promise<{ answers: Promise<Answer[]> }> {
  const answers = Promise.all(Array.from({ length: QUEUE_MAX }, predict));
  await eventually(async () => {
    const metrics = await (await fetch(`${service.url}/metrics`)).text();
    expect(/^prediction_log_queue_rows (\d+)$/m.exec(metrics)?.[1]).toBe(String(QUEUE_MAX));
  });
  return { answers };
}

/** @returns a promise of the exit code and of how long it took, once no connection is taken any more */
async function terminate() {
  const signalledAt = performance.now();
  const ended = service.stop('SIGTERM').then((exitCode) => ({ exitCode, tookMs: performance.now() - signalledAt }));
  await eventually(() => expect(fetch(`${service.url}/health/live`)).rejects.toThrow('fetch failed'));
  return { ended };
}

async function recordedIds(): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>('SELECT id FROM predictions ORDER BY id');
  return rows.map(({ id }) => id);
}

const statusesOf = (answers: readonly Answer[]) => [...new Set(answers.map(({ status }) => status))];

describe('SIGTERM with a full queue of the prediction log', () => {
  it('writes and answers all that waits while PostgreSQL is up', async () => {
    await start({ PREDICTION_LOG_COMMIT_TIMEOUT_MS: '20000', DATABASE_STATEMENT_TIMEOUT_MS: '20000' });
    const [first] = await recordedIds();
    await client.query('BEGIN; LOCK TABLE predictions IN SHARE MODE');
    const { answers } = await fillQueue();
    expect(await predict()).toMatchObject({ status: 503, code: 'PREDICTION_LOG_FULL' });

    const { ended } = await terminate();
    await client.query('COMMIT');

    const told = await answers;
    expect(statusesOf(told)).toEqual([200]);
    expect((await ended).exitCode).toBe(0);
    expect(await recordedIds()).toEqual([first!, ...told.map(({ id }) => id!)].toSorted());
  });

  it.each(['refuse', 'silent'] as const)(
    'refuses it in time while PostgreSQL is away (%s), and ends in time',
    async (kind) => {
      await start(BOUNDED);
      await proxy.setMode({ kind });
      const { answers } = await fillQueue();

      const { ended } = await terminate();

      const told = await answers;
      expect(statusesOf(told)).toEqual([503]);
      expect(new Set(told.map(({ code }) => code))).toEqual(new Set(['PREDICTION_LOG_UNAVAILABLE']));
      expect(told.every(({ retryAfter }) => Number(retryAfter) > 0)).toBe(true);
      const { exitCode, tookMs } = await ended;
      expect(exitCode).toBe(0);
      expect(tookMs).toBeLessThan(COMMIT_TIMEOUT_MS + LAST_STATEMENT_MS + SLACK_MS);
    },
  );

  it('answers it from the spool while PostgreSQL says nothing, and the next service writes it', async () => {
    const spooled = {
      ...BOUNDED,
      PREDICTION_LOG_DURABILITY: 'spooled',
      PREDICTION_LOG_SPOOL_DIR: directories(),
    };
    await start(spooled);
    await proxy.setMode({ kind: 'silent' });
    const { answers } = await fillQueue();

    const { ended } = await terminate();

    const told = await answers;
    expect(statusesOf(told)).toEqual([200]);
    expect((await ended).exitCode).toBe(0);
    await proxy.setMode({ kind: 'reset' });
    await proxy.setMode({ kind: 'pass' });
    await start(spooled);
    const ids = told.map(({ id }) => id);
    await eventually(async () => expect(await recordedIds()).toEqual(expect.arrayContaining(ids)));
  });
});
