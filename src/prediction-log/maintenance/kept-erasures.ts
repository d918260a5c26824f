import { inTransaction } from '../../database/in-transaction.js';
import type { Query } from '../../database/query.js';
import { erasureToken, TOKEN_BYTES } from '../chain/erasure-tokens.js';
import { addMonths, firstId, monthBounds, timeOfId } from '../id-time.js';
import { idPages } from '../scan/id-pages.js';
import { idRange } from '../scan/id-range.js';
import { signDropped } from './checkpoints.js';
import { firstDay, monthOf, monthTables, partitionName } from './partitions.js';

/**
 * Erasures of a month that name rows which are still in the log, in another month or in DEFAULT: without them nobody could tell
 * later who erased those rows. A hold on a month is the usual reason why its rows outlive an erasure of them.
 *
 * @param key PREDICTION_LOG_CHAIN_KEY
 * @returns their ids
 */
export async function neededErasures(query: Query, month: Date, key: string): Promise<string[]> {
  const erasures = await erasuresByToken(query, month);
  const needed = new Set<string>();
  if (erasures.size === 0) return [];
  const scan = { condition: 'subject_hash IS NOT NULL' };
  for (const table of await tablesWithRowsBefore(query, month)) {
    for await (const rows of idPages(query, { ...scan, select: `SELECT id FROM ${table}` }, idRange())) {
      for (const { id } of rows) {
        const erasure = erasures.get(erasureToken(id, key).toString('latin1'));
        if (erasure !== undefined) needed.add(erasure);
      }
    }
  }
  return [...needed];
}

/** Has the groups of erasures outlive their month: DEFAULT takes what has no month. In the transaction that drops the month. */
export async function keepGroups(query: Query, month: Date, ids: readonly string[]): Promise<void> {
  await query(
    `WITH kept AS (DELETE FROM ${partitionName('chain_groups', month)} WHERE id = ANY ($1::uuid[]) RETURNING *)
     INSERT INTO chain_groups SELECT * FROM kept`,
    [ids],
  );
}

/** Months before a time that have no tables any more, though erasures of them were kept. */
export async function monthsOfKeptErasures(query: Query, before: Date): Promise<Date[]> {
  const ids = await keptGroups(query, before);
  const months = new Set(ids.map((id) => firstDay(new Date(timeOfId(id)))));
  const withTables = new Set((await monthTables(query)).map((name) => firstDay(monthOf(name))));
  return [...months].filter((month) => !withTables.has(month)).map((month) => new Date(month));
}

/** Ids of the erasures, and so of their groups, that are older than the retention. */
export async function keptGroups(query: Query, before: Date): Promise<string[]> {
  const rows = await query<{ id: string }>('SELECT id FROM prediction_erasures WHERE id < $1 ORDER BY id', [
    firstId(addMonths(before, 0)),
  ]);
  return rows.map(({ id }) => id);
}

/** Drops the erasures of a month that was dropped before, as far as the rows that they name are gone by now; signed for as well. */
export async function dropSpentErasures(query: Query, month: Date, key: string): Promise<void> {
  await inTransaction(query, async () => {
    const needed = await neededErasures(query, month, key);
    const { from, to } = monthBounds(month);
    const dropped = await query(
      'DELETE FROM prediction_erasures WHERE id >= $1 AND id < $2 AND id <> ALL ($3::uuid[]) RETURNING id',
      [from, to, needed],
    );
    if (dropped.length === 0) return;
    const groups = await query<{ writer: string; sequence: string; hash: string }>(
      `DELETE FROM chain_groups WHERE id = ANY ($1::uuid[]) RETURNING writer, sequence, encode(hmac, 'hex') AS hash`,
      [dropped.map(({ id }) => id as string)],
    );
    const heads = groups.map(({ writer, sequence, hash }) => ({
      writer,
      first: Number(sequence),
      sequence: Number(sequence),
      hash,
    }));
    const rowCounts = { chain_groups: groups.length, prediction_erasures: dropped.length };
    await signDropped(query, { month: firstDay(month), rowCounts, heads }, key);
  });
}

/** The erasure that each token of the month belongs to. */
async function erasuresByToken(query: Query, month: Date): Promise<Map<string, string>> {
  const { from, to } = monthBounds(month);
  const rows = await query<{ id: string; tokens: Buffer }>(
    'SELECT id, tokens FROM prediction_erasures WHERE id >= $1 AND id < $2 AND tokens IS NOT NULL',
    [from, to],
  );
  const erasures = new Map<string, string>();
  for (const { id, tokens } of rows) {
    for (let at = 0; at < tokens.byteLength; at += TOKEN_BYTES) {
      erasures.set(tokens.toString('latin1', at, at + TOKEN_BYTES), id);
    }
  }
  return erasures;
}

/**
 * Tables, partitions or not, with rows that an erasure of the month can have taken: of other months up to the one after it,
 * because clocks differ.
 */
async function tablesWithRowsBefore(query: Query, month: Date): Promise<string[]> {
  const last = addMonths(month, 1);
  const own = partitionName('predictions', month);
  const months = (await monthTables(query)).filter((name) => name.startsWith('predictions_') && name !== own);
  return ['predictions_default', ...months.filter((name) => monthOf(name) <= last)];
}
