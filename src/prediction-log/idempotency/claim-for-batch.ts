import type { LogEntry } from '../prediction-record.js';
import type { ChainTransaction } from '../writer/transaction-writer.js';
import { inProgress } from './in-progress.js';
import { claimsOf, freeKeys, insertBatchClaim, isKeyHeld, isKeyTaken } from './key-claims.js';

/**
 * Claims the key of a batch, where it has one, in the transaction that commits its rows: there is never one without the
 * other. To be done last, so that others wait for it as shortly as can be.
 *
 * @throws DomainError IDEMPOTENCY_IN_PROGRESS when another request has the key; then the rows are not committed either
 */
export async function claimForBatch(entry: LogEntry, transaction: Pick<ChainTransaction, 'query'>): Promise<void> {
  const [claim] = claimsOf([entry]);
  if (!claim) return;
  try {
    await freeKeys([claim], transaction);
    await transaction.query(insertBatchClaim(claim, entry.rows));
  } catch (error) {
    if (isKeyTaken(error) || isKeyHeld(error)) throw inProgress();
    throw error;
  }
}
