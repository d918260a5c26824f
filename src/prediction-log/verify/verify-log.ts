import type { Query } from '../../database/query.js';
import type { ChainHead } from '../chain/chain-writer.js';
import { contextId } from '../chain/row-hash.js';
import type { ScoringContext } from '../prediction-record.js';
import { CONTEXT_COLUMNS } from '../scan/columns.js';
import type { IdRange } from '../scan/id-range.js';
import { chainedTables } from './chained-table.js';
import { type Contents, ContentsCheck } from './contents-check.js';
import { droppedHeads } from './dropped-heads.js';
import { Findings } from './findings.js';
import { checkHeads } from './heads-check.js';
import { type Order, OrderCheck } from './order-check.js';

export interface Verification {
  findings: Findings;
  /** By table. */
  contents: Record<string, Contents>;
  order: Order;
  /** How many heads were looked for. */
  heads: number;
}

/**
 * Holds a range of the log against its chain: whether every row is what was recorded, none is missing and none was added.
 *
 * @param query on a snapshot; rows that arrive meanwhile would belong to groups that were not seen
 * @param key PREDICTION_LOG_CHAIN_KEY
 * @param heads what the service logged as the newest groups of its writers
 */
export async function verifyLog(
  query: Query,
  range: IdRange,
  key: string,
  heads: readonly ChainHead[],
): Promise<Verification> {
  const findings = new Findings();
  const contents: Record<string, Contents> = {};
  for (const table of chainedTables(await checkedContexts(query, findings))) {
    contents[table.name] = await new ContentsCheck(query, table, range, key, findings).run();
  }
  const dropped = await droppedHeads(query, key, findings);
  const order = await new OrderCheck(query, range, dropped, findings).run();
  await checkHeads(query, heads, dropped, findings);
  return { findings, contents, order, heads: heads.length };
}

/** @returns the ids of all scoring contexts: one for each model version and runtime, so they are few */
async function checkedContexts(query: Query, findings: Findings): Promise<ReadonlySet<string>> {
  const contexts = await query<ScoringContext>(`SELECT ${CONTEXT_COLUMNS} FROM scoring_contexts`);
  for (const context of contexts) {
    if (contextId(context) !== context.id) findings.add(`scoring_contexts ${context.id}: is not what was recorded`);
  }
  return new Set(contexts.map(({ id }) => id));
}
