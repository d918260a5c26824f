import type { Query } from '../../database/query.js';
import type { ChainHead } from '../chain/chain-writer.js';
import { CONTEXT_FORMAT, contextId } from '../chain/row-hash.js';
import type { ScoringContext } from '../prediction-record.js';
import { CONTEXT_COLUMNS } from '../scan/columns.js';
import type { IdRange } from '../scan/id-range.js';
import { chainedTables } from './chained-table.js';
import { type Contents, ContentsCheck } from './contents-check.js';
import { wholeLog } from './detached-tables.js';
import { DroppedChains, signedCheckpoints } from './dropped-chains.js';
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
  /** Tables of months that are being dropped, which were read as parts of the log. */
  detached: string[];
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
  const checkpoints = await signedCheckpoints(query, key, findings);
  const whole = await wholeLog(query, checkpoints, findings);
  const contents: Record<string, Contents> = {};
  for (const table of chainedTables(await checkedContexts(query, findings))) {
    contents[table.name] = await new ContentsCheck(whole.query, table, range, key, findings).run();
  }
  const dropped = new DroppedChains(checkpoints);
  await dropped.checkStarts(whole.query, findings);
  const order = await new OrderCheck(whole.query, range, dropped, findings).run();
  await checkHeads(whole.query, heads, dropped, findings);
  return { findings, contents, order, heads: heads.length, detached: whole.detached };
}

/** @returns the ids of all scoring contexts: one for each model version and runtime, so they are few */
async function checkedContexts(query: Query, findings: Findings): Promise<ReadonlySet<string>> {
  const contexts = await query<ScoringContext>(`SELECT ${CONTEXT_COLUMNS} FROM scoring_contexts`);
  for (const context of contexts) {
    if (context.format > CONTEXT_FORMAT) {
      findings.add(
        `scoring_contexts ${context.id}: is of format ${context.format}, which only a newer release can check: run its log:verify`,
      );
    } else if (!isRecorded(context)) findings.add(`scoring_contexts ${context.id}: is not what was recorded`);
  }
  return new Set(contexts.map(({ id }) => id));
}

function isRecorded(context: ScoringContext): boolean {
  try {
    return contextId(context) === context.id;
  } catch {
    // It has a value that the service does not write.
    return false;
  }
}
