import type { Query } from '../../database/query.js';
import type { Checkpoint } from '../chain/checkpoint.js';
import { monthBounds } from '../id-time.js';
import {
  monthOf,
  type PartitionedTable,
  partitionName,
  PARTITIONED_TABLES,
  SELECT_UNATTACHED,
} from '../maintenance/partitions.js';
import type { Findings } from './findings.js';

export interface WholeLog {
  /** Takes a statement that begins with SELECT, or a cursor for one, to which each table has what was detached from it. */
  query: Query;
  /** Names of the tables that were detached. */
  detached: string[];
}

/**
 * Retention detaches the tables of a month one after the other and may be broken off in between: until the next run goes on,
 * groups would miss their rows. What is detached and not dropped yet is therefore read where it is, and checked like the rest.
 *
 * @param checkpoints that are signed with the key: a month that none of them names was not detached by retention
 */
export async function wholeLog(
  query: Query,
  checkpoints: readonly Checkpoint[],
  findings: Findings,
): Promise<WholeLog> {
  const months = checkpoints.map(({ month }) => new Date(month));
  const detached: string[] = [];
  const tables: string[] = [];
  for (const table of PARTITIONED_TABLES) {
    const parts = await detachedFrom(query, table, months, findings);
    detached.push(...parts);
    // Within WITH, the name is still that of the table. A condition would keep PostgreSQL from using the order of the ids.
    tables.push(`${table} AS (${[table, ...parts].map((name) => `SELECT * FROM ${name}`).join(' UNION ALL ')})`);
  }
  if (detached.length === 0) return { query, detached };
  const parts = `WITH ${tables.join(', ')} `;
  /** Of a cursor the query within it; what goes on with one has none. */
  const ofWhole = (sql: string) => sql.replace(/^\s*(?:DECLARE .+ FOR\s+)?(?=SELECT)/, `$&${parts}`);
  return { query: (sql, values) => query(ofWhole(sql), values), detached };
}

async function detachedFrom(
  query: Query,
  table: PartitionedTable,
  months: readonly Date[],
  findings: Findings,
): Promise<string[]> {
  const rows = await query<{ name: string }>(`${SELECT_UNATTACHED} AND relname = ANY ($1) ORDER BY relname`, [
    months.map((month) => partitionName(table, month)),
  ]);
  const names = rows.map(({ name }) => name);
  for (const name of names) await checkMonth(query, name, findings);
  return names;
}

/** A row of another month was taken from where everybody sees it. */
async function checkMonth(query: Query, name: string, findings: Findings): Promise<void> {
  const { from, to } = monthBounds(monthOf(name));
  const [stray] = await query<{ id: string }>(`SELECT id FROM ${name} WHERE id < $1 OR id >= $2 LIMIT 1`, [from, to]);
  if (stray) findings.add(`${name} ${stray.id}: is of another month`);
}
