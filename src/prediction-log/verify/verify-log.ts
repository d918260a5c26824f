import type { Query } from '../../database/query.js';
import type { ChainHead } from '../chain/chain-writer.js';
import { CONTEXT_FORMAT, contextId } from '../chain/row-hash.js';
import type { ScoringContext } from '../prediction-record.js';
import { CONTEXT_COLUMNS } from '../scan/columns.js';
import { type IdRange, isWhole } from '../scan/id-range.js';
import { chainedTables } from './chained-table.js';
import { type Contents, ContentsCheck } from './contents-check.js';
import { wholeLog } from './detached-tables.js';
import { DroppedChains, signedCheckpoints } from './dropped-chains.js';
import { ErasureEvidence, type EvidenceFound } from './erasure-evidence.js';
import { Findings } from './findings.js';
import { checkHeads } from './heads-check.js';
import { type Order, OrderCheck } from './order-check.js';

export interface Verification {
  findings: Findings;
  /** By table. */
  contents: Record<string, Contents>;
  /** Of the erased rows. */
  evidence: EvidenceFound;
  /** Whether all of the log was checked, and not a range of it. */
  isWhole: boolean;
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
  const evidence = await ErasureEvidence.read(whole.query, key, findings);
  const contents: Record<string, Contents> = {};
  for (const table of chainedTables(await checkedContexts(query, findings))) {
    const isErasable = table.kind === 'prediction';
    const check = new ContentsCheck(whole.query, table, range, key, findings, isErasable ? evidence : undefined);
    contents[table.name] = await check.run();
  }
  if (isWhole(range)) evidence.checkAbsent(checkpoints);
  const dropped = new DroppedChains(checkpoints);
  await dropped.checkStarts(whole.query, findings);
  const order = await new OrderCheck(whole.query, range, dropped, findings).run();
  await checkHeads(whole.query, heads, dropped, findings);
  return {
    findings,
    contents,
    evidence: evidence.found,
    isWhole: isWhole(range),
    order,
    heads: heads.length,
    detached: whole.detached,
  };
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
