import { inTransaction } from '../../database/in-transaction.js';
import type { Query } from '../../database/query.js';
import { addMonths, monthBounds } from '../id-time.js';

export const PARTITIONED_TABLES = ['predictions', 'prediction_outcomes', 'chain_groups'] as const;
export type PartitionedTable = (typeof PARTITIONED_TABLES)[number];

/** How many months ahead of the current one have their partitions. */
export const MONTHS_AHEAD = 3;

/** In a transaction: writers wait behind a lock that waits, so it is given up soon and tried again by the next run. */
export const LOCK_TIMEOUT = `SET LOCAL lock_timeout = '500ms'`;

/** The first day of a UTC month, `2026-11-01`. */
export function firstDay(month: Date): string {
  return `${month.toISOString().slice(0, 7)}-01`;
}

/** Such as `predictions_2026_11`. */
export function partitionName(table: PartitionedTable, month: Date): string {
  return `${table}_${month.toISOString().slice(0, 7).replace('-', '_')}`;
}

/** The month of a {@link partitionName}. */
export function monthOf(name: string): Date {
  const [year, month] = name.split('_').slice(-2);
  return new Date(`${year}-${month}-01T00:00:00Z`);
}

/** How {@link partitionName} writes a month, as a regular expression. */
export const MONTH_SUFFIX = String.raw`\d{4}_\d{2}`;

/**
 * Tables that are partitions of none, or whose detachment is pending: nobody sees their rows. Which ones is up to the
 * conditions that follow.
 */
export const SELECT_UNATTACHED = `
  SELECT relname AS name FROM pg_class LEFT JOIN pg_inherits ON inhrelid = pg_class.oid
  WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND inhdetachpending IS NOT FALSE`;

/** Names of the tables that hold a month, be they partitions now or not. */
export async function monthTables(query: Query): Promise<string[]> {
  const rows = await query<{ name: string }>(
    `SELECT relname AS name FROM pg_class
      WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
        AND relname ~ '^(${PARTITIONED_TABLES.join('|')})_${MONTH_SUFFIX}$'`,
  );
  return rows.map(({ name }) => name);
}

/**
 * Makes the partitions of `months` months, from the one of `from` on, that do not exist. What DEFAULT holds of such a month
 * moves into it.
 *
 * @param query outside a transaction: each partition gets one of its own
 * @returns the names of those that were made
 * @throws DatabaseError 55P03 when a lock was not to be had soon enough: nothing is half done, run it again
 */
export async function ensurePartitions(query: Query, from: Date, months: number): Promise<string[]> {
  const existing = new Set(await monthTables(query));
  const made: string[] = [];
  for (let index = 0; index < months; index++) {
    const month = addMonths(from, index);
    for (const table of PARTITIONED_TABLES) {
      const name = partitionName(table, month);
      if (existing.has(name)) continue;
      await makePartition(query, table, month);
      made.push(name);
    }
  }
  return made;
}

/**
 * A table that is attached, unlike one created as a partition, does not lock out those who write to the others. DEFAULT is
 * locked all the while, because a row that arrived there in between would be in the way.
 */
async function makePartition(query: Query, table: PartitionedTable, month: Date): Promise<void> {
  const name = partitionName(table, month);
  const { from, to } = monthBounds(month);
  await inTransaction(query, async () => {
    await query(LOCK_TIMEOUT);
    await query(`LOCK TABLE ${table}_default IN ACCESS EXCLUSIVE MODE`);
    await query(`CREATE TABLE ${name} (LIKE ${table} INCLUDING ALL)`);
    await query(
      `WITH moved AS (DELETE FROM ${table}_default WHERE id >= '${from}' AND id < '${to}' RETURNING *)
       INSERT INTO ${name} SELECT * FROM moved`,
    );
    await attachPartition(query, table, month);
  });
}

/** @param query in a transaction */
export async function attachPartition(query: Query, table: PartitionedTable, month: Date): Promise<void> {
  const { from, to } = monthBounds(month);
  await query(LOCK_TIMEOUT);
  await query(
    `ALTER TABLE ${table} ATTACH PARTITION ${partitionName(table, month)} FOR VALUES FROM ('${from}') TO ('${to}')`,
  );
}
