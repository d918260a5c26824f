import type { Query } from './query.js';

/** Runs `work` in a transaction of the connection behind `query`, which rolls back when it throws. */
export async function inTransaction<T>(query: Query, work: () => Promise<T>): Promise<T> {
  await query('BEGIN');
  try {
    const result = await work();
    await query('COMMIT');
    return result;
  } catch (error) {
    // Where the connection is what failed, there is nothing left to roll back.
    await query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
