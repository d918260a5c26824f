import type { Query } from '../../database/query.js';
import { VALIDITY } from '../idempotency/key-claims.js';

/** A transaction that deletes more would hold on to its locks for long. */
const ROWS_AT_A_TIME = 10_000;

/** @returns how many records of Idempotency-Keys there were that nobody may look up any more */
export async function deleteExpiredRecords(query: Query): Promise<number> {
  for (let total = 0; ;) {
    const deleted = await query(
      `DELETE FROM idempotency_records WHERE ctid IN (
         SELECT ctid FROM idempotency_records WHERE claimed_at < now() - interval '${VALIDITY}' LIMIT ${ROWS_AT_A_TIME})
       RETURNING 1`,
    );
    total += deleted.length;
    if (deleted.length < ROWS_AT_A_TIME) return total;
  }
}
