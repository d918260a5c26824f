import { Client, type ClientConfig } from 'pg';
import { type Query, queryOn } from '../../database/query.js';
import { assertSchemaIsCurrent } from '../../database/schema-check.js';
import { SCHEMA_LOCK } from '../../database/schema-lock.js';

/**
 * Runs `action` on the log as it is at one moment, while the service goes on writing. No month is dropped and no migration
 * begins until it ends: the tables of a month are not dropped in one moment.
 *
 * @throws Error when PostgreSQL cannot be reached or its schema is older than this build; what `action` throws
 */
export async function onSnapshot<T>(options: ClientConfig, action: (query: Query) => Promise<T>): Promise<T> {
  const client = new Client({ ...options, statement_timeout: 0 });
  // What it was doing fails then; without a listener the process would end instead.
  client.on('error', () => undefined);
  await client.connect();
  try {
    const query = queryOn(client);
    await assertSchemaIsCurrent(query);
    await query('SELECT pg_advisory_lock_shared($1)', [SCHEMA_LOCK]);
    await query('BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    return await action(query);
  } finally {
    await client.end();
  }
}
