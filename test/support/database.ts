import { randomUUID } from 'node:crypto';
import { afterEach } from '@jest/globals';
import { Client } from 'pg';
import { readVariables } from '../../src/config/env.schema.js';
import { DATABASE_VARIABLES } from '../../src/database/client-options.js';
import { migrate } from '../../src/database/migrate.js';

export interface TestDatabase {
  url: string;
  /** What a service needs to record its answers there. */
  env: { PREDICTION_LOG: 'on'; DATABASE_URL: string; PREDICTION_LOG_CHAIN_KEY: string };
  /** Drops it, and breaks off who is connected. */
  close(): Promise<void>;
}

const CHAIN_KEY = 'the chain key of the tests, not secret';
/** Of the advisory lock under which the template is made: specs run in several processes. */
const TEMPLATE_LOCK = 1;

/** Databases that are gone after each test, each with a connection to it. To be called where hooks may be registered. */
export function testDatabases(): () => Promise<TestDatabase & { client: Client }> {
  const opened: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const each of opened.splice(0).toReversed()) await each.close();
  });
  return async () => {
    const database = await createDatabase();
    opened.push(database);
    const client = new Client({ connectionString: database.url });
    await client.connect();
    opened.push({ close: () => client.end() });
    return { ...database, client };
  };
}

/**
 * An empty database of the present schema on the server that TEST_DATABASE_URL names; a schema in the database that it names
 * where its user must not make databases.
 */
export async function createDatabase(): Promise<TestDatabase> {
  return (await mayCreateDatabases()) ? createWholeDatabase() : createSchema();
}

async function mayCreateDatabases(): Promise<boolean> {
  let may = false;
  await onServer(async (server) => {
    const { rows } = await server.query(
      'SELECT rolsuper OR rolcreatedb AS may FROM pg_roles WHERE rolname = current_user',
    );
    may = rows[0].may as boolean;
  });
  return may;
}

async function createSchema(): Promise<TestDatabase> {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await onServer((server) => server.query(`CREATE SCHEMA ${name}`));
  const url = new URL(process.env['TEST_DATABASE_URL']!);
  url.searchParams.set('options', `-c search_path=${name}`);
  await migrate(readVariables(DATABASE_VARIABLES, { DATABASE_URL: url.href }), 0);
  return testDatabase(url.href, () => onServer((server) => server.query(`DROP SCHEMA ${name} CASCADE`)));
}

const testDatabase = (url: string, close: () => Promise<void>): TestDatabase => ({
  url,
  env: { PREDICTION_LOG: 'on', DATABASE_URL: url, PREDICTION_LOG_CHAIN_KEY: CHAIN_KEY },
  close,
});

async function createWholeDatabase(): Promise<TestDatabase> {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await onServer(async (server) => {
    await server.query('SELECT pg_advisory_lock($1)', [TEMPLATE_LOCK]);
    await server.query(`CREATE DATABASE ${name} TEMPLATE ${await template(server)}`);
  });
  return testDatabase(urlOf(name), () => onServer((server) => server.query(`DROP DATABASE ${name} WITH (FORCE)`)));
}

/** Made by the first who asks in this run of the tests. */
async function template(server: Client): Promise<string> {
  const name = process.env['TEST_DATABASE_TEMPLATE']!;
  const { rowCount } = await server.query('SELECT FROM pg_database WHERE datname = $1', [name]);
  if (rowCount === 0) {
    await server.query(`CREATE DATABASE ${name}`);
    await migrate(readVariables(DATABASE_VARIABLES, { DATABASE_URL: urlOf(name) }), 0);
  }
  return name;
}

function urlOf(database: string): string {
  const url = new URL(process.env['TEST_DATABASE_URL']!);
  url.pathname = `/${database}`;
  return url.href;
}

async function onServer(work: (server: Client) => Promise<unknown>): Promise<void> {
  const server = new Client({ connectionString: process.env['TEST_DATABASE_URL'] });
  await server.connect();
  try {
    await work(server);
  } finally {
    await server.end();
  }
}
