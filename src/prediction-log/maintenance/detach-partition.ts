import { inTransaction } from '../../database/in-transaction.js';
import type { Query } from '../../database/query.js';
import {
  attachPartition,
  LOCK_TIMEOUT,
  type PartitionedTable,
  partitionName,
  PARTITIONED_TABLES,
} from './partitions.js';

/** `pending`: a detachment was broken off. Nobody sees the rows any more, and it can only be finished. */
type State = 'attached' | 'pending' | 'detached';

/** For how long DEFAULT may be off, in milliseconds. */
const DETACH_TIMEOUT_MS = 30_000;

/**
 * Takes a month's partition out of its table while others go on reading and writing the table, also where an earlier attempt
 * was broken off.
 *
 * PostgreSQL does so only where there is no DEFAULT, which is therefore taken off for the moment. What belongs there is
 * refused meanwhile (SQLSTATE 23514 without a constraint), and its writer tries again.
 *
 * @param query outside a transaction
 * @throws DatabaseError 55P03 or 57014 when others use the table for too long: run it again
 */
export async function detachPartition(query: Query, table: PartitionedTable, month: Date): Promise<void> {
  const name = partitionName(table, month);
  const state = await stateOf(query, name);
  if (state === 'pending') await query(`ALTER TABLE ${table} DETACH PARTITION ${name} FINALIZE`);
  if (state !== 'attached') return;
  await inTransaction(query, async () => {
    await query(LOCK_TIMEOUT);
    await query(`ALTER TABLE ${table} DETACH PARTITION ${table}_default`);
  });
  try {
    await query(`SET statement_timeout = ${DETACH_TIMEOUT_MS}`);
    await query(`ALTER TABLE ${table} DETACH PARTITION ${name} CONCURRENTLY`);
  } finally {
    await query('RESET statement_timeout');
    await attachDefault(query, table);
  }
}

/** Undoes {@link detachPartition}. */
export async function reattachPartition(query: Query, table: PartitionedTable, month: Date): Promise<void> {
  if ((await stateOf(query, partitionName(table, month))) === 'attached') return;
  await detachPartition(query, table, month);
  await inTransaction(query, () => attachPartition(query, table, month));
}

/** Puts DEFAULT back where a detachment was broken off before it did. */
export async function attachDefaults(query: Query): Promise<void> {
  for (const table of PARTITIONED_TABLES) {
    if ((await stateOf(query, `${table}_default`)) === 'detached') await attachDefault(query, table);
  }
}

async function attachDefault(query: Query, table: PartitionedTable): Promise<void> {
  await query(`ALTER TABLE ${table} ATTACH PARTITION ${table}_default DEFAULT`);
}

async function stateOf(query: Query, partition: string): Promise<State> {
  const [row] = await query<{ inhdetachpending: boolean }>(
    'SELECT inhdetachpending FROM pg_inherits WHERE inhrelid = $1::regclass',
    [partition],
  );
  if (!row) return 'detached';
  return row.inhdetachpending ? 'pending' : 'attached';
}
