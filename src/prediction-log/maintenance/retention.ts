import { inTransaction } from '../../database/in-transaction.js';
import type { Query } from '../../database/query.js';
import type { Checkpoint } from '../chain/checkpoint.js';
import { lockErasures } from '../erasure-lock.js';
import { writeCheckpoint, writeDroppedCheckpoint } from './checkpoints.js';
import { dropSpentErasures, keepGroups, monthsOfKeptErasures, neededErasures } from './kept-erasures.js';
import { detachPartition, reattachPartition } from './detach-partition.js';
import { isOnHold } from './legal-hold.js';
import { addMonths, monthBounds } from '../id-time.js';
import { ensurePartitions, firstDay, monthOf, monthTables, partitionName, PARTITIONED_TABLES } from './partitions.js';

export interface RetentionOptions {
  now: Date;
  /** PREDICTION_LOG_RETENTION_MONTHS */
  months: number;
  /** PREDICTION_LOG_CHAIN_KEY */
  key: string;
}

export interface RetentionResult {
  /** What was dropped now of each month. */
  dropped: Checkpoint[];
  /** Months that only a legal hold keeps. */
  held: Date[];
  /** Months that something was in the way of, such as who uses the table for too long. The next run goes on with them. */
  failed: { month: Date; error: Error }[];
}

/**
 * Drops the months that are wholly older than the retention, each as a whole: signed for, detached, dropped. What was broken
 * off in the middle is gone on with. A month that fails is in the way of no other.
 *
 * @param query outside a transaction
 */
export async function applyRetention(query: Query, { now, months, key }: RetentionOptions): Promise<RetentionResult> {
  const result: RetentionResult = { dropped: [], held: [], failed: [] };
  const before = addMonths(now, -months);
  for (const month of await monthsBefore(query, before)) {
    try {
      const checkpoint = await dropMonth(query, month, key);
      if (checkpoint) result.dropped.push(checkpoint);
      else result.held.push(month);
    } catch (error) {
      result.failed.push({ month, error: error as Error });
    }
  }
  for (const month of await monthsOfKeptErasures(query, before)) {
    try {
      await dropSpentErasures(query, month, key);
    } catch (error) {
      result.failed.push({ month, error: error as Error });
    }
  }
  return result;
}

/** Those that have a table, oldest first. */
async function monthsBefore(query: Query, time: Date): Promise<Date[]> {
  const times = (await monthTables(query)).map((name) => monthOf(name).getTime());
  const before = [...new Set(times)].filter((each) => each < time.getTime());
  return before.toSorted((a, b) => a - b).map((each) => new Date(each));
}

/** @returns what was signed for; undefined where a legal hold keeps the month */
async function dropMonth(query: Query, month: Date, key: string): Promise<Checkpoint | undefined> {
  // Making the partitions may have been broken off as well.
  await ensurePartitions(query, month, 1);
  if (await isOnHold(query, month)) return keep(query, month);
  await writeCheckpoint(query, month, key);
  for (const table of PARTITIONED_TABLES) await detachPartition(query, table, month);
  return (await drop(query, month, key)) ?? keep(query, month);
}

/** @returns undefined where a hold was placed in the meantime */
function drop(query: Query, month: Date, key: string): Promise<Checkpoint | undefined> {
  return inTransaction(query, async () => {
    // Waits for a hold that is being placed; one that is placed later finds nothing to hold.
    await lockErasures({ query }, 'shared');
    if (await isOnHold(query, month)) return undefined;
    const kept = await neededErasures(query, month, key);
    await keepGroups(query, month, kept);
    // Once more, because something may have been written until the month was detached.
    const checkpoint = await writeDroppedCheckpoint(query, month, key, kept);
    const { from, to } = monthBounds(month);
    await query('DELETE FROM prediction_erasures WHERE id >= $1 AND id < $2 AND id <> ALL ($3::uuid[])', [
      from,
      to,
      kept,
    ]);
    await query(`DROP TABLE ${PARTITIONED_TABLES.map((table) => partitionName(table, month)).join(', ')}`);
    return checkpoint;
  });
}

/** Undoes what an earlier run did to the month before the hold was placed. */
async function keep(query: Query, month: Date): Promise<undefined> {
  for (const table of PARTITIONED_TABLES) await reattachPartition(query, table, month);
  await query('DELETE FROM retention_checkpoints WHERE partition_month = $1 AND dropped_at IS NULL', [firstDay(month)]);
}
