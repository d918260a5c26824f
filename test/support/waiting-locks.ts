import type { Client } from 'pg';

/** How many connections to the client's database wait for a lock. The lock of a transaction names no database itself. */
export async function waitingLocks(client: Client): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `SELECT count(DISTINCT pid)::int FROM pg_locks waiting JOIN pg_locks own USING (pid) JOIN pg_database ON oid = own.database
     WHERE NOT waiting.granted AND datname = current_database()`,
  );
  return rows[0]!.count;
}
