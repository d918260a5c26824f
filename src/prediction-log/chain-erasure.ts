import { newId } from '../common/ids/new-id.js';
import { GROUP_FORMAT } from './chain/chain-writer.js';
import { erasureTokens } from './chain/erasure-tokens.js';
import { erasureHash, type ErasureRow } from './chain/row-hash.js';
import { insertGroup } from './writer/statements.js';
import type { ChainTransaction } from './writer/transaction-writer.js';

const NOT_ASKED = { referenceHmac: new Uint8Array(), requestId: '' };

/** An erasure as who makes it tells of it. */
export type Erasure =
  ({ kind: 'asked' } & Pick<ErasureRow, 'referenceHmac' | 'requestId'>) | { kind: 'late' | 'baseline' };

/**
 * Records in the chain that rows were erased, with a token for each: an erased row that has none was not erased by the service.
 *
 * @param ids of the rows that this very transaction has erased
 * @param chainKey PREDICTION_LOG_CHAIN_KEY
 * @returns the id of the record
 */
export async function chainErasure(
  erasure: Erasure,
  ids: readonly string[],
  transaction: Pick<ChainTransaction, 'query' | 'link'>,
  chainKey: string,
): Promise<string> {
  const row: ErasureRow = {
    ...NOT_ASKED,
    ...erasure,
    id: newId(),
    rowCount: ids.length,
    tokens: erasureTokens(ids, chainKey),
  };
  const group = transaction.link('erasure', [row.id], erasureHash(row, GROUP_FORMAT));
  await transaction.query(insertGroup(group));
  await transaction.query({
    text: `
      INSERT INTO prediction_erasures (id, kind, reference_hmac, row_count, request_id, tokens, group_id, group_index)
      VALUES ($1, $2, $3, $4, $5, $6, $7, 0)`,
    values: [row.id, row.kind, row.referenceHmac, row.rowCount, row.requestId, row.tokens, group.id],
  });
  return row.id;
}
