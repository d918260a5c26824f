import type { Query } from '../../database/query.js';
import type { ChainHead } from '../chain/chain-writer.js';
import { type Checkpoint, checkpointHmac } from '../chain/checkpoint.js';
import { monthBounds } from '../id-time.js';
import { firstDay, partitionName, PARTITIONED_TABLES } from './partitions.js';

/**
 * Leaves a signed record of what a month holds, in place of an earlier one.
 *
 * @param key PREDICTION_LOG_CHAIN_KEY
 */
export async function writeCheckpoint(query: Query, month: Date, key: string): Promise<Checkpoint> {
  const checkpoint = await readCheckpoint(query, month);
  await query(
    `INSERT INTO retention_checkpoints (partition_month, row_counts, heads, hmac) VALUES ($1, $2, $3, $4)
     ON CONFLICT (partition_month) DO UPDATE
       SET row_counts = excluded.row_counts, heads = excluded.heads, hmac = excluded.hmac, recorded_at = now()`,
    [checkpoint.month, checkpoint.rowCounts, JSON.stringify(checkpoint.heads), checkpointHmac(checkpoint, key)],
  );
  return checkpoint;
}

async function readCheckpoint(query: Query, month: Date): Promise<Checkpoint> {
  const { from, to } = monthBounds(month);
  const rowCounts: Record<string, number> = {};
  for (const table of PARTITIONED_TABLES) rowCounts[table] = await count(query, partitionName(table, month));
  rowCounts['prediction_erasures'] = await count(query, `prediction_erasures WHERE id >= '${from}' AND id < '${to}'`);
  return { month: firstDay(month), rowCounts, heads: await headsOf(query, month) };
}

async function count(query: Query, from: string): Promise<number> {
  const [row] = await query<{ count: string }>(`SELECT count(*) FROM ${from}`);
  return Number(row!.count);
}

/** The groups whose next one is of another month. */
async function headsOf(query: Query, month: Date): Promise<ChainHead[]> {
  const groups = partitionName('chain_groups', month);
  const rows = await query<{ writer: string; sequence: string; hash: string }>(
    `SELECT writer, sequence, encode(hmac, 'hex') AS hash FROM ${groups} head
      WHERE NOT EXISTS (SELECT FROM ${groups} WHERE writer = head.writer AND sequence = head.sequence + 1)
      ORDER BY writer, sequence`,
  );
  return rows.map(({ writer, sequence, hash }) => ({ writer, sequence: Number(sequence), hash }));
}
