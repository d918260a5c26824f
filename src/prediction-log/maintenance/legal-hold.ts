import type { Query } from '../../database/query.js';
import { partitionName } from './partitions.js';

/** Whether a month holds predictions of a reference on legal hold, or outcomes of such predictions of any month. */
export async function isOnHold(query: Query, month: Date): Promise<boolean> {
  const [row] = await query<{ held: boolean }>(
    `SELECT EXISTS (SELECT FROM legal_holds JOIN ${partitionName('predictions', month)} USING (reference))
         OR EXISTS (SELECT FROM legal_holds JOIN predictions p USING (reference)
                      JOIN ${partitionName('prediction_outcomes', month)} o ON o.prediction_id = p.id) AS held`,
  );
  return row!.held;
}
