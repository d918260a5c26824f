import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Client } from 'pg';
import { type TestDatabase, testDatabases } from '../../../test/support/database.js';
import { logEntry, predictionRow } from '../../../test/support/log-entry.js';
import { RecordedLog } from '../../../test/support/recorded-log.js';
import { testConfig } from '../../../test/support/test-config.js';
import { newId } from '../../common/ids/new-id.js';
import { clientOptions } from '../../database/client-options.js';
import { queryOn } from '../../database/query.js';
import type { LogEntry } from '../prediction-record.js';
import { idRange } from '../scan/id-range.js';
import { onSnapshot } from '../scan/snapshot.js';
import { reportOf } from '../verify/report.js';
import { verifyLog } from '../verify/verify-log.js';
import { writeCheckpoint } from './checkpoints.js';
import { attachDefaults, detachPartition } from './detach-partition.js';
import { ensurePartitions, PARTITIONED_TABLES } from './partitions.js';
import { applyRetention } from './retention.js';

Logger.overrideLogger(false);

/** With a retention of 25 months, October 2024 is the oldest month that is kept. */
const NOW = new Date('2026-11-24T12:00:00Z');
const AUGUST = new Date('2024-08-01T00:00:00Z');

describe('applyRetention', () => {
  const openDatabase = testDatabases();
  let database: TestDatabase & { client: Client };
  let log: RecordedLog;
  beforeEach(async () => {
    database = await openDatabase();
    await ensurePartitions(queryOn(database.client), AUGUST, 3);
    log = new RecordedLog(database);
  });
  afterEach(() => log.close());

  const apply = (now = NOW) =>
    applyRetention(queryOn(database.client), {
      now,
      months: 25,
      key: database.env.PREDICTION_LOG_CHAIN_KEY,
    });

  const sql = async (text: string): Promise<unknown[]> => (await database.client.query(text)).rows as unknown[];

  /** Records one row, as if it had been answered then. */
  async function record(time: string, reference: string | null = null): Promise<LogEntry> {
    const entry = { ...logEntry(), rows: [predictionRow({ id: newId(Date.parse(time)), reference })] };
    await log.record(entry);
    return entry;
  }

  const verify = () =>
    onSnapshot(clientOptions(testConfig(database.env)), (query) =>
      verifyLog(query, idRange(), database.env.PREDICTION_LOG_CHAIN_KEY, []),
    );

  const storedReferences = async () =>
    (await sql('SELECT reference FROM predictions ORDER BY id')).map((row) => (row as { reference: string }).reference);

  const monthsLeft = () =>
    sql(`SELECT relname AS name FROM pg_class WHERE relname ~ '^predictions_2024_..$' ORDER BY relname`);

  /** In a transaction that has read the table and goes on. */
  async function startReading(table: string): Promise<Client> {
    const reader = new Client({ connectionString: database.url });
    await reader.connect();
    await reader.query(`BEGIN; SELECT FROM ${table}`);
    return reader;
  }

  it('drops the months that are wholly older, and keeps the rest', async () => {
    await record('2024-08-15T00:00:00Z', 'august');
    await record('2024-09-30T23:59:59.999Z', 'end of september');
    await record('2024-10-01T00:00:00Z', 'october');
    const { dropped, held } = await apply();
    expect(dropped.map(({ month }) => month)).toEqual(['2024-08-01', '2024-09-01']);
    expect(held).toEqual([]);
    expect(await storedReferences()).toEqual(['october']);
    expect(await monthsLeft()).toEqual([{ name: 'predictions_2024_10' }]);
    expect(await apply()).toEqual({ dropped: [], held: [], failed: [] });
  });

  it('leaves a signed checkpoint, by which the rest of the chain can be verified', async () => {
    await record('2024-08-15T00:00:00Z');
    const prediction = await record('2024-09-15T00:00:00Z');
    await log.recordOutcome(prediction.rows[0]!.id);
    await record('2024-09-16T00:00:00Z');
    await record('2024-10-15T00:00:00Z');
    const { dropped } = await apply();
    expect(dropped.at(-1)).toMatchObject({
      rowCounts: { predictions: 2, prediction_outcomes: 0, chain_groups: 2, prediction_erasures: 0 },
    });
    const { findings, contents } = await verify();
    expect(findings.described).toEqual([]);
    expect(contents).toMatchObject({ predictions: { rows: 1 }, prediction_outcomes: { rows: 1 } });
    await sql(`UPDATE retention_checkpoints SET row_counts = row_counts || '{"predictions": 0}'`);
    expect((await verify()).findings.count).toBeGreaterThan(0);
  });

  it('drops a month again that was made again for what arrived late, and signs for both', async () => {
    await record('2024-08-15T00:00:00Z');
    await record('2024-10-15T00:00:00Z');
    await apply();
    await record('2024-08-16T00:00:00Z', 'late');
    await record('2024-10-16T00:00:00Z');
    await ensurePartitions(queryOn(database.client), AUGUST, 1);
    expect((await apply()).dropped).toMatchObject([{ month: '2024-08-01', rowCounts: { predictions: 1 } }]);
    expect(
      await sql(`SELECT row_counts->'predictions' AS rows FROM retention_checkpoints ORDER BY partition_month`),
    ).toEqual([{ rows: 2 }, { rows: 0 }]);
    expect((await verify()).findings.described).toEqual([]);
  });

  it('does not sign for what was dropped before when its record was changed', async () => {
    await apply();
    await sql(`UPDATE retention_checkpoints SET row_counts = row_counts || '{"predictions": 9}'`);
    await ensurePartitions(queryOn(database.client), AUGUST, 1);
    const { dropped, failed } = await apply();
    expect(dropped).toEqual([]);
    expect(failed[0]!.error.message).toMatch(/^The checkpoint of 2024-08-01 was changed/);
  });

  it.each([
    ['between two that were dropped', ['2024-08-15T00:00:00Z']],
    ['before the first that was dropped', []],
  ])('hides no group that was removed %s', async (_where, earlier) => {
    for (const time of [...earlier, '2024-10-15T00:00:00Z', '2024-09-15T00:00:00Z']) await record(time);
    await apply();
    expect((await verify()).findings.described).toEqual([]);
    await sql('DELETE FROM predictions; DELETE FROM chain_groups');
    expect((await verify()).findings.described).toEqual([
      expect.stringContaining(`chain_groups: sequence ${earlier.length} of writer`),
    ]);
  });

  it('drops the records of erasures with the month that they were made in', async () => {
    await sql(
      `INSERT INTO prediction_erasures (id, reference_hmac, row_count, request_id, group_id, group_index)
       SELECT id, '', 0, 'r', id, 0 FROM (VALUES (uuid '${newId(Date.parse('2024-09-05'))}'), ('${newId()}')) AS e (id)`,
    );
    const { dropped } = await apply();
    expect(dropped.at(-1)!.rowCounts['prediction_erasures']).toBe(1);
    expect(await sql('SELECT count(*)::int AS erasures FROM prediction_erasures')).toEqual([{ erasures: 1 }]);
  });

  it('fails no write meanwhile, wherever the row belongs', async () => {
    let done = false;
    const writing = (async () => {
      for (let written = 0; ; written += 2) {
        if (done) return written;
        await Promise.all([record(new Date().toISOString(), 'kept'), record('1999-12-31T00:00:00Z', 'kept')]);
      }
    })();
    await apply();
    done = true;
    const written = await writing;
    expect(written).toBeGreaterThan(0);
    expect(await storedReferences()).toHaveLength(written);
  });

  it.each(['its predictions', 'outcomes of theirs in it'])(
    'keeps a month as a whole for a hold on %s',
    async (what) => {
      const time = what === 'its predictions' ? '2024-09-15T00:00:00Z' : '2024-10-15T00:00:00Z';
      const { rows } = await record(time, 'held');
      await record('2024-09-20T00:00:00Z', 'another');
      await sql(
        `INSERT INTO prediction_outcomes (id, prediction_id, defaulted, observed_at, request_id, group_id, group_index)
       SELECT id, '${rows[0]!.id}', true, now(), 'r', id, 0 FROM (SELECT uuid '${newId(Date.parse('2024-09-25'))}' AS id) o`,
      );
      await sql(`INSERT INTO legal_holds (reference, reason) VALUES ('held', 'litigation')`);
      const { dropped, held } = await apply();
      expect(dropped.map(({ month }) => month)).toEqual(['2024-08-01']);
      expect(held).toEqual([new Date('2024-09-01T00:00:00Z')]);
      expect(await storedReferences()).toHaveLength(2);
      await sql('DELETE FROM legal_holds');
      expect((await apply()).dropped.map(({ month }) => month)).toEqual(['2024-09-01']);
    },
  );

  it('keeps an erasure as long as a row that it names, which a hold on its month keeps', async () => {
    await record('2024-09-15T00:00:00Z', 'held');
    await record('2024-09-16T00:00:00Z', 'subject-1');
    await record('2024-10-16T00:00:00Z', 'subject-2');
    await record(new Date().toISOString());
    await log.erase('subject-1');
    await log.erase('subject-2');
    await record(new Date().toISOString());
    await sql(`INSERT INTO legal_holds (reference, reason) VALUES ('held', 'litigation')`);
    const inYears = new Date(Date.UTC(new Date().getUTCFullYear() + 5, 0));
    const erasures = () => sql('SELECT row_count FROM prediction_erasures');

    expect(await apply(inYears)).toMatchObject({ held: [new Date('2024-09-01T00:00:00Z')], failed: [] });
    expect(await erasures()).toHaveLength(1);
    expect(await sql(`SELECT tableoid::regclass::text AS name FROM chain_groups WHERE kind = 'erasure'`)).toEqual([
      { name: 'chain_groups_default' },
    ]);
    expect(await verify()).toMatchObject({ findings: { described: [] }, evidence: { named: 1, absent: 0 } });
    await apply(inYears);
    expect(await erasures()).toHaveLength(1);

    await sql('DELETE FROM legal_holds');
    expect((await apply(inYears)).failed).toEqual([]);
    expect(await erasures()).toEqual([]);
    expect(await sql('SELECT FROM chain_groups')).toEqual([]);
    expect(await verify()).toMatchObject({ findings: { described: [] }, evidence: { absent: 0 } });
  });

  it('signs for the erased rows that it drops, so that the erasures which name them still fit', async () => {
    await record('2024-08-15T00:00:00Z', 'subject-1');
    await log.erase('subject-1');
    expect((await apply()).dropped[0]!.rowCounts).toMatchObject({ predictions: 1, predictions_erased: 1 });
    expect(await verify()).toMatchObject({ findings: { described: [] }, evidence: { named: 0, absent: 1 } });
  });

  it('puts a month back that was detached before a hold was placed on it', async () => {
    const query = queryOn(database.client);
    await record('2024-09-15T00:00:00Z', 'held');
    for (const table of PARTITIONED_TABLES) await detachPartition(query, table, new Date('2024-09-01T00:00:00Z'));
    expect(await storedReferences()).toEqual([]);
    await sql(`INSERT INTO legal_holds (reference, reason) VALUES ('held', 'litigation')`);
    expect((await apply()).held).toHaveLength(1);
    expect(await storedReferences()).toEqual(['held']);
    expect((await verify()).findings.described).toEqual([]);
  });

  it('gives up when somebody reads the table for long, and has changed nothing', async () => {
    await record('2024-08-15T00:00:00Z', 'august');
    const reader = await startReading('predictions');
    const { dropped, failed } = await apply();
    expect(dropped).toEqual([]);
    expect(failed).toMatchObject([{ month: AUGUST, error: { code: '55P03' } }, { error: { code: '55P03' } }]);
    expect(await storedReferences()).toEqual(['august']);
    await record('1999-12-31T00:00:00Z', 'goes to DEFAULT');
    await reader.end();
    expect((await apply()).dropped).toHaveLength(2);
  });

  /** @param table the first of August's that stays attached */
  async function breakOffAt(table: string): Promise<void> {
    await record('2024-08-15T00:00:00Z', 'august');
    await record('2024-10-15T00:00:00Z', 'october');
    const reader = await startReading(table);
    expect((await apply()).failed).toMatchObject([{ error: { code: '55P03' } }, { error: { code: '55P03' } }]);
    await reader.end();
  }

  it.each([
    ['prediction_outcomes', ['predictions']],
    ['chain_groups', ['predictions', 'prediction_outcomes']],
  ])('leaves a log that fits when it is broken off at %s', async (table, before) => {
    await breakOffAt(table);
    const detached = before.flatMap((each) => [`${each}_2024_08`, `${each}_2024_09`]);
    expect(await storedReferences()).toEqual(['october']);
    const verification = await verify();
    expect(verification).toMatchObject({
      findings: { described: [] },
      contents: { predictions: { rows: 2, groups: 2 } },
      detached,
    });
    expect(reportOf(verification)).toContain(`being dropped, which were checked as well: ${detached.join(', ')}\n`);
    expect((await apply()).dropped).toHaveLength(2);
    expect(await verify()).toMatchObject({
      findings: { described: [] },
      contents: { predictions: { rows: 1, groups: 1 } },
      detached: [],
    });
  });

  it.each([
    ['a row that was changed', `UPDATE predictions_2024_08 SET caller = 'x'`, /: is not what was recorded$/],
    ['a row that was removed', 'DELETE FROM predictions_2024_08', /row 0 is missing$/],
    ['a month without a checkpoint', 'DELETE FROM retention_checkpoints', /row 0 is missing$/],
    ['a month whose checkpoint was changed', `UPDATE retention_checkpoints SET heads = '[]'`, /row 0 is missing$/],
    [
      'a row of another month that was put there',
      `CREATE TABLE moved AS SELECT * FROM predictions_2024_08 UNION ALL SELECT * FROM predictions;
       DELETE FROM predictions;
       DROP TABLE predictions_2024_08;
       ALTER TABLE moved RENAME TO predictions_2024_08`,
      /: is of another month$/,
    ],
  ])('hides nothing when it is broken off: %s', async (_what, tampering, finding) => {
    await breakOffAt('prediction_outcomes');
    await sql(tampering);
    expect((await verify()).findings.described).toContainEqual(expect.stringMatching(finding));
  });

  it('goes on with a detachment that was broken off', async () => {
    await record('2024-08-15T00:00:00Z', 'august');
    await writeCheckpoint(queryOn(database.client), AUGUST, database.env.PREDICTION_LOG_CHAIN_KEY);
    await sql('ALTER TABLE predictions DETACH PARTITION predictions_default');
    const reader = await startReading('predictions');
    await sql('SET statement_timeout = 200');
    await expect(
      sql('ALTER TABLE predictions DETACH PARTITION predictions_2024_08 CONCURRENTLY'),
    ).rejects.toMatchObject({
      code: '57014',
    });
    await sql('RESET statement_timeout');
    await reader.end();

    await attachDefaults(queryOn(database.client));
    await record('1999-12-31T00:00:00Z', 'goes to DEFAULT');
    expect(await verify()).toMatchObject({ findings: { described: [] }, detached: ['predictions_2024_08'] });
    expect((await apply()).dropped[0]).toMatchObject({ month: '2024-08-01', rowCounts: { predictions: 1 } });
    expect(await storedReferences()).toEqual(['goes to DEFAULT']);
  });
});
