import type { Query } from './query.js';

/**
 * Key of the PostgreSQL advisory lock that is held while tables are made, changed or dropped, by `migration:run` and by
 * the daily maintenance: one of them at a time, on one of the replicas.
 */
export const SCHEMA_LOCK = 4_713_260_155;

/**
 * Takes the lock until the connection ends, if nobody has it.
 *
 * @returns `backend`: the connection's process in PostgreSQL
 */
export async function trySchemaLock(query: Query): Promise<{ isOurs: boolean; backend: number }> {
  const [taken] = await query<{ isOurs: boolean; backend: number }>(
    'SELECT pg_try_advisory_lock($1) AS "isOurs", pg_backend_pid() AS backend',
    [SCHEMA_LOCK],
  );
  return taken!;
}
