import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { PostgresServer } from '../../deploy/local/postgres-server.ts';

declare global {
  /** For `stop-database-server.ts`. */
  var stopDatabaseServer: () => Promise<void>;
}

/**
 * Jest's globalSetup: one real PostgreSQL for all specs, as durable as it comes, in TEST_DATABASE_URL, unless that names one
 * already. TEST_DATABASE_TEMPLATE is how `createDatabase` calls its template in this run.
 *
 * It runs outside the environment of the specs, where `.js` does not find TypeScript.
 */
export default async function startDatabaseServer(): Promise<void> {
  const template = `template_${randomBytes(8).toString('hex')}`;
  process.env['TEST_DATABASE_TEMPLATE'] = template;
  const given = process.env['TEST_DATABASE_URL'];
  globalThis.stopDatabaseServer = given ? () => dropDatabase(given, template) : await startServer();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      void globalThis.stopDatabaseServer().then(() => process.exit(128 + constants.signals[signal]));
    });
  }
}

/** @returns stops it */
async function startServer(): Promise<() => Promise<void>> {
  const directory = mkdtempSync(path.join(tmpdir(), 'credit-default-postgres-'));
  chmodSync(directory, 0o755);
  const server = new PostgresServer(path.join(directory, 'data'));
  await server.initialise();
  await server.start();
  process.env['TEST_DATABASE_URL'] = server.url('postgres');
  return async () => {
    await server.stop();
    rmSync(directory, { recursive: true });
  };
}

async function dropDatabase(serverUrl: string, name: string): Promise<void> {
  const client = new Client({ connectionString: serverUrl });
  await client.connect();
  await client.query(`DROP DATABASE IF EXISTS ${name}`);
  await client.end();
}
