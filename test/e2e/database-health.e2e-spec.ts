import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import request from 'supertest';
import { testDatabases } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { samplesOf } from '../support/metric-samples.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { startTestApp } from '../support/test-app.js';

const FEATURES = [50_000, 0, 0, 0, 0, 0.4, 0.35, 0.05, 1800, 0.1];

const get = (app: NestFastifyApplication, route: string) => request(app.getHttpServer()).get(route);

const predict = (app: NestFastifyApplication) =>
  request(app.getHttpServer())
    .post('/predict')
    .send({ data: { features: FEATURES } });

/** What the metric says is wrong. */
async function shownProblems(): Promise<unknown[]> {
  const samples = await samplesOf('prediction_log_database_problem');
  return samples.filter(({ value }) => value === 1).map(({ labels }) => labels['problem']);
}

const DATABASE_READ_ONLY = `DO $$ BEGIN
  EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$`;
/** Has PostgreSQL refuse a write with this condition, as it does when its disk or its memory is full. */
const refuseWrites = (condition: string) => `
  CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE ${condition}; END $$;
  CREATE TRIGGER refuse BEFORE INSERT ON chain_groups FOR EACH ROW EXECUTE FUNCTION refuse()`;

describe('GET /health, with the prediction log', () => {
  const opened: { close(): Promise<unknown> }[] = [];
  afterEach(async () => {
    for (const each of opened.splice(0).toReversed()) await each.close();
  });
  // Its hook comes after the one above: applications end before their databases.
  const openDatabase = testDatabases();

  /** An application whose PostgreSQL can be taken away. */
  async function start() {
    const { env } = await openDatabase();
    const proxy = await TcpProxy.start(env.DATABASE_URL);
    const app = await startTestApp({ ...env, DATABASE_URL: proxy.url });
    opened.push(proxy, app);
    return { app, proxy };
  }

  it('says that the database is up', async () => {
    const { app } = await start();
    const { body } = await get(app, '/health');
    expect(body).toMatchObject({ status: 'ok', details: { database: { status: 'up' } } });
  });

  it.each(['refuse', 'silent'] as const)('is degraded while it is away, and ready: %s', async (kind) => {
    const { app, proxy } = await start();
    await proxy.setMode({ kind });
    const health = await get(app, '/health');
    expect(health.status).toBe(200);
    expect(health.body).toMatchObject({
      status: 'degraded',
      details: { database: { status: 'degraded', problem: 'unreachable', message: 'PostgreSQL does not answer.' } },
    });
    expect(await shownProblems()).toEqual(['unreachable']);
    expect((await get(app, '/health/ready')).status).toBe(200);
  });

  /** An application whose user in PostgreSQL is nobody but a user with rights on rows. */
  async function startAsUser() {
    const database = await openDatabase();
    const user = `service_${randomUUID().replaceAll('-', '')}`;
    await database.client.query(`CREATE ROLE ${user} LOGIN PASSWORD '${user}';
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${user}`);
    opened.push({ close: () => database.client.query(`DROP OWNED BY ${user}; DROP ROLE ${user}`) });
    const url = new URL(database.url);
    [url.username, url.password] = [user, user];
    const app = await startTestApp({
      ...database.env,
      DATABASE_URL: url.href,
      PREDICTION_LOG_COMMIT_TIMEOUT_MS: '300',
      PREDICTION_LOG_MAINTENANCE: 'rows',
    });
    opened.push(app);
    /** Has the service connect anew, as after a restart of either side. */
    const disconnect = () =>
      database.client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1', [user]);
    return { app, user, client: database.client, disconnect };
  }

  it.each([
    ['the database is read-only', () => DATABASE_READ_ONLY, 'read_only', /takes no writes/],
    [
      'the user is read-only',
      (user: string) => `ALTER ROLE ${user} SET default_transaction_read_only = on`,
      'read_only',
      /takes no writes/,
    ],
    [
      'INSERT is not granted any more',
      (user: string) => `REVOKE INSERT ON predictions, chain_groups FROM ${user}`,
      'not_granted',
      /Missing: INSERT on chain_groups, INSERT on predictions\.$/,
    ],
    [
      'the password is another one',
      (user: string) => `ALTER ROLE ${user} PASSWORD 'another'`,
      'login',
      /refuses the user, the password or the database/,
    ],
    [
      'there is no connection left',
      (user: string) => `ALTER ROLE ${user} CONNECTION LIMIT 0`,
      'connections',
      /no connection left/,
    ],
    ['the schema is older than the build', () => 'DELETE FROM schema_migrations', 'schema', /npm run migration:run/],
    ['the disk is full', () => refuseWrites('disk_full'), 'disk_full', /no room left on its disk/],
    ['the memory is full', () => refuseWrites('out_of_memory'), 'write_refused', /refuses what is to be recorded/],
  ] as const)('says why every answer is refused, and is ready: %s', async (_, fault, problem, message) => {
    const { app, user, client, disconnect } = await startAsUser();
    expect((await predict(app)).status).toBe(200);
    await client.query(fault(user));
    await disconnect();
    expect((await predict(app)).status).toBe(503);
    const { body } = await get(app, '/health');
    expect(body).toMatchObject({
      status: 'degraded',
      details: { database: { status: 'degraded', problem, message: expect.stringMatching(message) } },
    });
    expect(await shownProblems()).toEqual([problem]);
    expect((await get(app, '/health/ready')).status).toBe(200);
  });

  it('is ok again once a write has succeeded', async () => {
    const { app, client } = await startAsUser();
    await client.query(refuseWrites('disk_full'));
    expect((await predict(app)).status).toBe(503);
    expect((await get(app, '/health')).body).toMatchObject({ status: 'degraded' });
    await client.query('DROP TRIGGER refuse ON chain_groups');
    // What was refused is written by now: its writer has gone on trying.
    await eventually(async () => expect((await get(app, '/health')).body).toMatchObject({ status: 'ok' }));
    expect(await shownProblems()).toEqual([]);
  });

  it('asks PostgreSQL no more often than every 5 s, however often it is asked', async () => {
    const { app, proxy } = await start();
    expect((await get(app, '/health')).body).toMatchObject({ status: 'ok' });
    await proxy.setMode({ kind: 'refuse' });
    expect((await get(app, '/health')).body).toMatchObject({ status: 'ok' });
    expect(await shownProblems()).toEqual([]);
  });

  it('has no such check with PREDICTION_LOG=off', async () => {
    const app = await startTestApp();
    opened.push(app);
    expect((await get(app, '/health')).body.details).not.toHaveProperty('database');
  });
});
