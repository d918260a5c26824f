import type { Query } from '../../database/query.js';
import {
  type Checkpoint,
  CHECKPOINT_FORMAT,
  checkpointHmac,
  type DroppedChain,
  ERASED_COUNT,
  isNewerCheckpoint,
  SELECT_CHECKPOINTS,
  signedCheckpoint,
  type StoredCheckpoint,
} from '../chain/checkpoint.js';
import { monthBounds } from '../id-time.js';
import { firstDay, partitionName, PARTITIONED_TABLES } from './partitions.js';

/**
 * Leaves a signed record of what a month holds before its tables are taken off. A month that was dropped before, and given
 * tables again for what arrived late, has a record that stays as it is.
 *
 * @param key PREDICTION_LOG_CHAIN_KEY
 */
export async function writeCheckpoint(query: Query, month: Date, key: string): Promise<void> {
  await store(query, await readCheckpoint(query, month), key, 'WHERE retention_checkpoints.dropped_at IS NULL');
}

/**
 * Signs for what a month holds now and for what was dropped of it before.
 *
 * @param query in the transaction that drops the month
 * @param key PREDICTION_LOG_CHAIN_KEY
 * @param kept ids of erasures that stay, and whose groups are no longer in the month's table
 * @returns what it holds now
 * @throws as {@link signDropped}
 */
export async function writeDroppedCheckpoint(
  query: Query,
  month: Date,
  key: string,
  kept: readonly string[],
): Promise<Checkpoint> {
  const checkpoint = await readCheckpoint(query, month, kept);
  await signDropped(query, checkpoint, key);
  return checkpoint;
}

/**
 * Signs for what is dropped of a month, together with what was dropped of it before.
 *
 * @throws Error when the record of what was dropped before is not what was signed: it would be lost if it was replaced
 */
export async function signDropped(query: Query, checkpoint: Checkpoint, key: string): Promise<void> {
  const before = await droppedBefore(query, checkpoint.month, key);
  await store(query, before ? joined(before, checkpoint) : checkpoint, key);
  await query('UPDATE retention_checkpoints SET dropped_at = now() WHERE partition_month = $1', [checkpoint.month]);
}

async function store(query: Query, checkpoint: Checkpoint, key: string, condition = ''): Promise<void> {
  await query(
    `INSERT INTO retention_checkpoints (partition_month, row_counts, heads, hmac, format) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (partition_month) DO UPDATE
       SET row_counts = excluded.row_counts, heads = excluded.heads, hmac = excluded.hmac, format = excluded.format,
         recorded_at = now() ${condition}`,
    [
      checkpoint.month,
      checkpoint.rowCounts,
      JSON.stringify(checkpoint.heads),
      checkpointHmac(checkpoint, key),
      CHECKPOINT_FORMAT,
    ],
  );
}

async function droppedBefore(query: Query, month: string, key: string): Promise<Checkpoint | undefined> {
  const [stored] = await query<StoredCheckpoint>(
    `${SELECT_CHECKPOINTS} WHERE partition_month = $1 AND dropped_at IS NOT NULL`,
    [month],
  );
  if (!stored) return undefined;
  const checkpoint = signedCheckpoint(stored, key);
  if (checkpoint) return checkpoint;
  if (isNewerCheckpoint(stored)) {
    throw new Error(`The checkpoint of ${month} is of format ${stored.format}: a newer release must go on with it.`);
  }
  throw new Error(`The checkpoint of ${month} was changed, or signed with another PREDICTION_LOG_CHAIN_KEY.`);
}

function joined(before: Checkpoint, now: Checkpoint): Checkpoint {
  const rowCounts: Record<string, number> = { ...before.rowCounts };
  for (const [table, rows] of Object.entries(now.rowCounts)) rowCounts[table] = (rowCounts[table] ?? 0) + rows;
  if (!(ERASED_COUNT in before.rowCounts)) delete rowCounts[ERASED_COUNT];
  return { month: now.month, rowCounts, heads: [...before.heads, ...now.heads] };
}

async function readCheckpoint(query: Query, month: Date, kept: readonly string[] = []): Promise<Checkpoint> {
  const { from, to } = monthBounds(month);
  const rowCounts: Record<string, number> = {};
  for (const table of PARTITIONED_TABLES) rowCounts[table] = await count(query, partitionName(table, month));
  rowCounts[ERASED_COUNT] = await count(query, `${partitionName('predictions', month)} WHERE subject_hash IS NOT NULL`);
  rowCounts['prediction_erasures'] = await count(
    query,
    `prediction_erasures WHERE id >= '${from}' AND id < '${to}' AND id <> ALL ($1::uuid[])`,
    [kept],
  );
  return { month: firstDay(month), rowCounts, heads: await chainsOf(query, month) };
}

async function count(query: Query, from: string, values: unknown[] = []): Promise<number> {
  const [row] = await query<{ count: string }>(`SELECT count(*) FROM ${from}`, values);
  return Number(row!.count);
}

/** Groups that follow each other, as far as they are of this month. */
async function chainsOf(query: Query, month: Date): Promise<DroppedChain[]> {
  const rows = await query<{ writer: string; first: string; sequence: string; hash: string }>(
    `WITH places AS (
       SELECT writer, sequence, hmac,
         lag(sequence) OVER chain IS DISTINCT FROM sequence - 1 AS starts,
         lead(sequence) OVER chain IS DISTINCT FROM sequence + 1 AS ends
       FROM ${partitionName('chain_groups', month)} WINDOW chain AS (PARTITION BY writer ORDER BY sequence)
     ), bounds AS (
       SELECT *, CASE WHEN starts THEN sequence ELSE lag(sequence) OVER (PARTITION BY writer ORDER BY sequence) END AS first
       FROM places WHERE starts OR ends
     )
     SELECT writer, first, sequence, encode(hmac, 'hex') AS hash FROM bounds WHERE ends ORDER BY writer, sequence`,
  );
  return rows.map(({ writer, first, sequence, hash }) => ({
    writer,
    first: Number(first),
    sequence: Number(sequence),
    hash,
  }));
}
