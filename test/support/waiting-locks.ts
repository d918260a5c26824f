import type { Client } from 'pg';

/** How many connections to the client's database wait for an advisory lock. */
export async function waitingLocks(client: Client): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `SELECT count(*)::int FROM pg_locks JOIN pg_database d ON d.oid = database
     WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()`,
  );
  return rows[0]!.count;
}
