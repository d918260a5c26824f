import type { ChainTransaction } from './writer/transaction-writer.js';

/** Which of these predictions are in the table. */
export async function knownIds(
  ids: readonly string[],
  transaction: Pick<ChainTransaction, 'query'>,
): Promise<Set<string>> {
  const { rows } = await transaction.query({
    text: 'SELECT id FROM predictions WHERE id = ANY ($1::uuid[])',
    values: [ids],
  });
  return new Set(rows.map(({ id }) => id as string));
}
