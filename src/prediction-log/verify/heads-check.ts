import type { Query } from '../../database/query.js';
import type { ChainHead } from '../chain/chain-writer.js';
import type { DroppedChains } from './dropped-chains.js';
import type { Findings } from './findings.js';

/**
 * Whether the groups that the service logged as its newest are still there: a chain whose tail was cut off fits otherwise.
 * Looks for them in the whole log.
 */
export async function checkHeads(
  query: Query,
  heads: readonly ChainHead[],
  dropped: DroppedChains,
  findings: Findings,
): Promise<void> {
  for (const head of heads) {
    const { writer, sequence, hash } = head;
    const sql = 'SELECT hmac FROM chain_groups WHERE writer = $1 AND sequence = $2';
    const [group] = await query<{ hmac: Buffer }>(sql, [writer, sequence]);
    if (group ? group.hmac.toString('hex') === hash : dropped.contain(writer, sequence)) continue;
    findings.add(
      group
        ? `chain_groups: sequence ${sequence} of writer ${writer} is not the group that was logged as its head`
        : `chain_groups: the chain of writer ${writer} was cut off: sequence ${sequence} was logged as its head and is missing`,
    );
  }
}
