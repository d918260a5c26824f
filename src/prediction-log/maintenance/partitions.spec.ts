import { describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { v7 } from 'uuid';
import { testDatabases } from '../../../test/support/database.js';
import { queryOn } from '../../database/query.js';
import { monthBounds } from '../id-time.js';
import { ensurePartitions, partitionName } from './partitions.js';

const idAt = (time: string) => v7({ msecs: Date.parse(time) });

/** Inserts an outcome made at that time, and says which partition it is in. */
async function insertOutcome(client: Client, time: Date): Promise<string> {
  const { rows } = await client.query<{ partition: string }>(
    `INSERT INTO prediction_outcomes (id, prediction_id, defaulted, observed_at, request_id, group_id, group_index)
     VALUES ($1, $1, true, now(), 'r', $1, 0) RETURNING tableoid::regclass::text AS partition`,
    [v7({ msecs: time.getTime() })],
  );
  return rows[0]!.partition;
}

describe('monthBounds', () => {
  it('spans a UTC month, to the millisecond', () => {
    const { from, to } = monthBounds(new Date('2026-11-24T02:00:00Z'));
    expect(from).toBe('01a19467-e800-0000-0000-000000000000');
    expect(idAt('2026-10-31T23:59:59.999Z') < from).toBe(true);
    expect(idAt('2026-11-01T00:00:00.000Z') > from).toBe(true);
    expect(idAt('2026-11-30T23:59:59.999Z') < to).toBe(true);
    expect(idAt('2026-12-01T00:00:00.000Z') > to).toBe(true);
  });

  it('ends where the next month begins, also at the end of a year', () => {
    expect(monthBounds(new Date('2026-12-31T23:59:59Z')).to).toBe(monthBounds(new Date('2027-01-01T00:00:00Z')).from);
  });
});

describe('ensurePartitions', () => {
  const openDatabase = testDatabases();
  const june = new Date('2031-06-15T12:00:00Z');

  it('makes the months that are missing, and says which', async () => {
    const { client } = await openDatabase();
    expect(await ensurePartitions(queryOn(client), june, 1)).toEqual([
      'predictions_2031_06',
      'prediction_outcomes_2031_06',
      'chain_groups_2031_06',
    ]);
    const made = await ensurePartitions(queryOn(client), june, 2);
    expect(made).toEqual(['predictions_2031_07', 'prediction_outcomes_2031_07', 'chain_groups_2031_07']);
    expect(await insertOutcome(client, june)).toBe('prediction_outcomes_2031_06');
  });

  it('gives them the indexes of the whole', async () => {
    const { client } = await openDatabase();
    await ensurePartitions(queryOn(client), june, 1);
    const { rows } = await client.query(
      `SELECT count(*)::int AS attached FROM pg_inherits JOIN pg_index ON indexrelid = inhrelid
        WHERE indrelid = 'predictions_2031_06'::regclass`,
    );
    expect(rows).toEqual([{ attached: 3 }]);
  });

  it('moves what DEFAULT holds of a month into its partition', async () => {
    const { client } = await openDatabase();
    expect(await insertOutcome(client, june)).toBe('prediction_outcomes_default');
    await ensurePartitions(queryOn(client), june, 1);
    const { rows } = await client.query('SELECT tableoid::regclass::text AS partition FROM prediction_outcomes');
    expect(rows).toEqual([{ partition: 'prediction_outcomes_2031_06' }]);
  });

  it('gives up rather than hold writers up behind a lock, and leaves nothing half done', async () => {
    const { client, url } = await openDatabase();
    const reader = new Client({ connectionString: url });
    await reader.connect();
    await reader.query('BEGIN');
    await reader.query('SELECT FROM chain_groups_default');
    await expect(ensurePartitions(queryOn(client), june, 1)).rejects.toMatchObject({ code: '55P03' });
    await reader.query('ROLLBACK');
    await reader.end();
    expect(await ensurePartitions(queryOn(client), june, 1)).toEqual(['chain_groups_2031_06']);
  });

  it('does not lock out those who write to other months', async () => {
    const { client, url } = await openDatabase();
    const writer = new Client({ connectionString: url });
    await writer.connect();
    await writer.query('BEGIN');
    const month = new Date();
    expect(await insertOutcome(writer, month)).toBe(partitionName('prediction_outcomes', month));
    expect(await ensurePartitions(queryOn(client), june, 1)).toHaveLength(3);
    await writer.query('COMMIT');
    await writer.end();
  });
});
