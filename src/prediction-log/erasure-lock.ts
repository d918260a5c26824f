/** Of a PostgreSQL advisory lock that is held until the transaction ends. */
const ERASURE_LOCK = 4_713_260_156;

/**
 * Keeps erasures apart from what they must not miss. An erasure sees every hold that was placed and every row that was
 * drained from a spool before it, and who drains afterwards sees the erasure.
 *
 * @param transaction where it is held
 * @param mode `exclusive` to erase or to place a hold, `shared` to write rows that are older than their transaction
 */
export async function lockErasures(
  transaction: { query(statement: string): Promise<unknown> },
  mode: 'exclusive' | 'shared',
): Promise<void> {
  await transaction.query(`SELECT pg_advisory_xact_lock${mode === 'shared' ? '_shared' : ''}(${ERASURE_LOCK})`);
}
