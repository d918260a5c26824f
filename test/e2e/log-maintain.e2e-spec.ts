import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Client } from 'pg';
import request from 'supertest';
import { SCHEMA_LOCK } from '../../src/database/schema-lock.js';
import { Maintenance } from '../../src/prediction-log/maintenance/maintenance.js';
import { AUDIT_TOKEN } from '../support/audited-app.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { fixtureModel } from '../support/fixture-models.js';
import { runCommand, startCommand } from '../support/run-command.js';
import { startTestApp } from '../support/test-app.js';
import { waitingLocks } from '../support/waiting-locks.js';

const logMaintain = (env: Record<string, string>) => runCommand('prediction-log/commands/maintain.cli.js', env);

describe('npm run log:maintain', () => {
  const service = `service_${randomUUID().replaceAll('-', '')}`;
  let database: TestDatabase;
  /** Of the owner of the tables. */
  let client: Client;
  let app: NestFastifyApplication;
  /** Of a role that has rights on rows alone. */
  let serviceUrl: string;

  beforeAll(async () => {
    database = await createDatabase();
    client = new Client({ connectionString: database.url });
    await client.connect();
    const url = new URL(database.url);
    [url.username, url.password] = [service, service];
    serviceUrl = url.href;
    await client.query(`
      CREATE ROLE ${service} LOGIN PASSWORD '${service}';
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${service}`);
    app = await startTestApp({
      MODEL_URI: fixtureModel('lightgbm-small'),
      AUDIT_TOKEN,
      ...database.env,
      DATABASE_URL: serviceUrl,
      PREDICTION_LOG_MAINTENANCE: 'rows',
    });
  });
  afterAll(async () => {
    await app.close();
    await client.query(`DROP OWNED BY ${service}; DROP ROLE ${service}`);
    await client.end();
    await database.close();
  });

  const send = (route: string, body?: object) => {
    const [method, path] = route.split(' ') as ['get' | 'post', string];
    return request(app.getHttpServer())[method](path).set('Authorization', `Bearer ${AUDIT_TOKEN}`).send(body);
  };

  it('leaves nothing to the service that takes more than rights on rows', async () => {
    const row = { data: { features: [50, 0.5, 1] }, reference: 'a-1' };
    const answer = () => send('post /predict', row).set('Idempotency-Key', 'k-1').expect(200);
    const { id } = (await answer()).body as { id: string };
    expect((await answer()).body).toMatchObject({ id });
    await send('post /predict/batch', { data: [row.data] }).expect(200);
    await send(`get /predictions/${id}`).expect(200);
    await send(`post /predictions/${id}/outcome`, { defaulted: false, observedAt: new Date().toISOString() }).expect(
      201,
    );
    await send('post /predictions/erasures', { reference: 'a-1' }).expect(201);
    expect(await app.get(Maintenance).run(new Date(), 'rows')).toBe(true);
  });

  it('makes and drops months as the owner of the tables', async () => {
    await client.query(`DROP TABLE predictions_${monthsFromNow(3)}`);
    expect(await logMaintain(database.env)).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/"Made partitions".*\nAll is done\.\n$/s),
    });
    const { rows } = await client.query(`SELECT to_regclass('predictions_${monthsFromNow(3)}') AS made`);
    expect(rows[0].made).not.toBeNull();
  });

  it('says what it may not do as another role', async () => {
    await client.query(`DROP TABLE predictions_${monthsFromNow(3)}`);
    const ended = await logMaintain({ ...database.env, DATABASE_URL: serviceUrl });
    expect(ended).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('Run it again.') });
    expect(ended.stdout + ended.stderr).toMatch(/"task":"partitions".*permission denied|must be owner/);
  });

  it('does not wait for somebody else who is at it', async () => {
    await client.query('SELECT pg_advisory_lock($1)', [SCHEMA_LOCK]);
    expect(await logMaintain(database.env)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('another process is at it'),
    });
    await client.query('SELECT pg_advisory_unlock($1)', [SCHEMA_LOCK]);
  });

  it('ends when it is stopped, and says so', async () => {
    await client.query('BEGIN; LOCK TABLE idempotency_records');
    const { child, ended } = startCommand('prediction-log/commands/maintain.cli.js', database.env);
    await eventually(async () => expect(await waitingLocks(client)).toBe(1));
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('it was stopped') });
    await client.query('ROLLBACK');
  });

  it.each([
    ['PREDICTION_LOG_CHAIN_KEY', { PREDICTION_LOG_CHAIN_KEY: '' }],
    ['DATABASE_URL', { DATABASE_URL: '' }],
  ])('names %s where it is missing', async (name, env) => {
    expect(await logMaintain({ ...database.env, ...env })).toMatchObject({
      exitCode: 1,
      stdout: '',
      stderr: expect.stringContaining(`${name} is not set`),
    });
  });
});

/** Such as `2026_11`. */
function monthsFromNow(months: number): string {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + months))
    .toISOString()
    .slice(0, 7)
    .replace('-', '_');
}
