import type { IdempotentAnswer } from '../prediction-record.js';
import type { ChainTransaction } from '../writer/transaction-writer.js';
import { inProgress } from './in-progress.js';

const STORE = `
  UPDATE idempotency_records SET response = $4, entry_id = $5
  WHERE caller = $1 AND key = $2 AND claim = $3 AND response IS NULL`;

/**
 * Keeps what is answered, in the transaction that commits its rows: there is never one without the other.
 *
 * @param entryId of the batch, or of the single prediction: who erases it finds the answer by it
 * @throws DomainError IDEMPOTENCY_IN_PROGRESS when the claim was taken over, so that the rows are not committed either
 */
export async function storeAnswer(
  transaction: Pick<ChainTransaction, 'query'>,
  { caller, key, claim, response }: IdempotentAnswer,
  entryId: string,
): Promise<void> {
  const { rowCount } = await transaction.query({ text: STORE, values: [caller, key, claim, response, entryId] });
  if (rowCount === 0) throw inProgress();
}
