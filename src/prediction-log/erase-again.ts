import { chainErasure } from './chain-erasure.js';
import { deleteAnswers } from './idempotency/key-claims.js';
import { referenceHmac } from './chain/reference-hmac.js';
import { subjectHash } from './chain/row-hash.js';
import type { PredictionRow } from './prediction-record.js';
import type { ChainTransaction } from './writer/transaction-writer.js';
import { eraseSubjects } from './writer/statements.js';

/**
 * Erases those rows whose subject was erased after they had been answered: an erasure cannot see what is not in the table yet,
 * so who writes it later must. In a transaction that holds the lock of `lockErasures`.
 *
 * @param rows in the table by now, whoever wrote them
 * @param chainKey PREDICTION_LOG_CHAIN_KEY
 */
export async function eraseAgain(
  rows: readonly PredictionRow[],
  transaction: Pick<ChainTransaction, 'query' | 'link'>,
  chainKey: string,
): Promise<void> {
  const referring = rows.filter(({ reference }) => reference !== null);
  if (referring.length === 0) return;
  // Mostly there was none since, and then 10,000 references need not be hashed.
  const oldest = referring.reduce((least, { id }) => (id < least ? id : least), referring[0]!.id);
  const { rowCount } = await transaction.query({
    text: 'SELECT FROM prediction_erasures WHERE id >= $1 LIMIT 1',
    values: [oldest],
  });
  if (rowCount === 0) return;
  const hmacs = referring.map(({ reference }) => referenceHmac(reference!, chainKey));
  const { rows: erasures } = await transaction.query({
    text: `SELECT encode(reference_hmac, 'hex') AS hmac, max(id::text) AS last FROM prediction_erasures
      WHERE reference_hmac = ANY ($1::bytea[]) GROUP BY reference_hmac`,
    values: [hmacs],
  });
  const lastErasures = new Map(erasures.map(({ hmac, last }) => [hmac as string, last as string]));
  const erased = referring.filter(({ id }, i) => {
    const last = lastErasures.get(hmacs[i]!.toString('hex'));
    return last !== undefined && last >= id;
  });
  if (erased.length === 0) return;
  await eraseRows(erased, transaction, chainKey);
  await deleteAnswers(
    erased.map(({ id }) => id),
    transaction,
  );
}

/** With the salts that the table holds: a row may have been written more than once, each time with another one. */
async function eraseRows(
  rows: readonly PredictionRow[],
  transaction: Pick<ChainTransaction, 'query' | 'link'>,
  chainKey: string,
): Promise<void> {
  const { rows: stored } = await transaction.query({
    text: 'SELECT id, salt FROM predictions WHERE id = ANY ($1::uuid[]) AND salt IS NOT NULL',
    values: [rows.map(({ id }) => id)],
  });
  // What has no salt any more is erased already, and named by who did it.
  if (stored.length === 0) return;
  const salts = new Map(stored.map(({ id, salt }) => [id as string, salt as Buffer]));
  const erased = rows
    .filter(({ id }) => salts.has(id))
    .map(({ id, inputs, reference }) => ({ id, subjectHash: subjectHash(salts.get(id)!, inputs, reference) }));
  await transaction.query(eraseSubjects(erased));
  await chainErasure(
    { kind: 'late' },
    erased.map(({ id }) => id),
    transaction,
    chainKey,
  );
}
