import { Client, type ClientConfig } from 'pg';
import { inTransaction } from '../../database/in-transaction.js';
import { type Query, queryOn } from '../../database/query.js';
import { assertSchemaIsCurrent } from '../../database/schema-check.js';
import { trySchemaLock } from '../../database/schema-lock.js';
import { chainErasure } from '../chain-erasure.js';
import { type ChainGroup, type ChainHead, ChainWriter } from '../chain/chain-writer.js';
import { timeOfId } from '../id-time.js';
import { idPages } from '../scan/id-pages.js';
import { idRange } from '../scan/id-range.js';
import { ErasureEvidence } from '../verify/erasure-evidence.js';
import { Findings } from '../verify/findings.js';
import type { ChainTransaction } from '../writer/transaction-writer.js';
import { MONTH_SUFFIX, SELECT_UNATTACHED } from './partitions.js';

/** Tokens of one record: 320 kB. */
const ROWS_PER_RECORD = 10_000;
/** An instance of the release before that has written within this time may still be there. */
const QUIET_MS = 5 * 60_000;

export interface Baseline {
  /** Rows that were erased and that no erasure named until now. */
  rows: number;
  /** What the erasures that named no rows say they took. */
  saidRows: number;
  /** The newest group that a release wrote whose erasures named no rows; undefined when there is none. */
  newestOldGroupAt: Date | undefined;
  /** To be kept where the database cannot reach. */
  head: ChainHead;
}

/**
 * Chains, once, a token for every row that was erased while erasures named no rows. From then on an erased row that nobody names
 * is a finding. Who runs it vouches for the rows: one that was erased past the service before is among them.
 *
 * @param key PREDICTION_LOG_CHAIN_KEY
 * @throws Error that says why nothing was done
 */
export async function chainErasureBaseline(options: ClientConfig, key: string, now: Date): Promise<Baseline> {
  const client = new Client({ ...options, statement_timeout: 0 });
  // What it was doing fails then; without a listener the process would end instead.
  client.on('error', () => undefined);
  await client.connect();
  try {
    const query = queryOn(client);
    await assertSchemaIsCurrent(query);
    if (!(await trySchemaLock(query)).isOurs) {
      throw new Error('maintenance, a migration or who reads the whole log is at it. Run it again.');
    }
    return await inTransaction(query, async () => {
      // Who erases meanwhile names its rows itself.
      await query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
      await refuseIncomplete(query);
      const newestOldGroupAt = await readNewestOldGroup(query);
      if (newestOldGroupAt && now.getTime() - newestOldGroupAt.getTime() < QUIET_MS) {
        throw new Error(
          `a release whose erasures name no rows has written at ${newestOldGroupAt.toISOString()}. Run it when that ` +
            'release has no instances any more, and five minutes have passed.',
        );
      }
      const evidence = await ErasureEvidence.read(query, key, new Findings());
      if (evidence.found.baselineAt) {
        throw new Error(`it was done on ${evidence.found.baselineAt.toISOString()}, and is done once only.`);
      }
      const [said] = await query<{ rows: string }>(
        'SELECT coalesce(sum(row_count), 0) AS rows FROM prediction_erasures WHERE tokens IS NULL',
      );
      const { rows, head } = await chainUnnamed(client, query, evidence, key);
      return { rows, saidRows: Number(said!.rows), newestOldGroupAt, head };
    });
  } finally {
    await client.end();
  }
}

async function chainUnnamed(client: Client, query: Query, evidence: ErasureEvidence, key: string) {
  const chain = new ChainWriter(key);
  let newest: ChainGroup | undefined;
  const transaction: Pick<ChainTransaction, 'query' | 'link'> = {
    query: (statement) => client.query(statement),
    link: (kind, ids, hashes) => (newest = chain.link(kind, ids, hashes, newest)),
  };
  const chainSome = (some: readonly string[]) => chainErasure({ kind: 'baseline' }, some, transaction, key);
  let ids: string[] = [];
  let rows = 0;
  const scan = { select: 'SELECT id FROM predictions', condition: 'subject_hash IS NOT NULL' };
  for await (const page of idPages(query, scan, idRange())) {
    ids.push(...page.map(({ id }) => id).filter((id) => !evidence.takeToken(id)));
    if (ids.length < ROWS_PER_RECORD) continue;
    rows += ids.length;
    await chainSome(ids);
    ids = [];
  }
  // Also when there are none: it says from when on every erased row is named.
  await chainSome(ids);
  chain.committed(newest!);
  return { rows: rows + ids.length, head: chain.head! };
}

async function refuseIncomplete(query: Query): Promise<void> {
  const unattached = await query(`${SELECT_UNATTACHED} AND relname ~ '^predictions_(default|${MONTH_SUFFIX})$'`);
  if (unattached.length === 0) return;
  throw new Error('a month of the log is being dropped. Run npm run log:maintain first, which finishes that.');
}

async function readNewestOldGroup(query: Query): Promise<Date | undefined> {
  const [group] = await query<{ id: string | null }>('SELECT max(id::text) AS id FROM chain_groups WHERE format = 1');
  return group?.id ? new Date(timeOfId(group.id)) : undefined;
}
