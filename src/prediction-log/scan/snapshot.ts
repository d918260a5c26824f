import type { DatabaseOptions } from '../../database/client-options.js';
import { openDirectClient } from '../../database/open-client.js';
import { type Query, queryOn } from '../../database/query.js';
import { assertSchemaIsCurrent } from '../../database/schema-check.js';
import { SCHEMA_LOCK } from '../../database/schema-lock.js';

/**
 * Runs `action` on the log as it is at one moment, while the service goes on writing. No month is dropped and no migration
 * begins until it ends: the tables of a month are not dropped in one moment.
 *
 * @param options as `directOptions`
 * @throws Error when PostgreSQL cannot be reached or its schema is older than this build; what `action` throws
 */
export async function onSnapshot<T>(options: DatabaseOptions, action: (query: Query) => Promise<T>): Promise<T> {
  const client = await openDirectClient({ ...options, statement_timeout: 0 });
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
