import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { Client } from 'pg';
import { type TestDatabase, testDatabases } from '../../../test/support/database.js';
import { logEntry, predictionRow } from '../../../test/support/log-entry.js';
import { RecordedLog } from '../../../test/support/recorded-log.js';
import { testConfig } from '../../../test/support/test-config.js';
import { clientOptions } from '../../database/client-options.js';
import { erasureToken } from '../chain/erasure-tokens.js';
import { subjectHash } from '../chain/row-hash.js';
import { chainErasureBaseline } from '../maintenance/erasure-baseline.js';
import { idRange } from '../scan/id-range.js';
import { onSnapshot } from '../scan/snapshot.js';
import { reportOf } from './report.js';
import { verifyLog } from './verify-log.js';

Logger.overrideLogger(false);

const openDatabase = testDatabases();
let database: TestDatabase & { client: Client };
let log: RecordedLog;

beforeEach(async () => {
  database = await openDatabase();
  log = new RecordedLog(database);
});
afterEach(() => log.close());

const sql = async <Row = Record<string, unknown>>(text: string, values: unknown[] = []): Promise<Row[]> =>
  (await database.client.query(text, values)).rows as Row[];

const verify = (from?: Date) =>
  onSnapshot(clientOptions(testConfig(database.env)), (query) =>
    verifyLog(query, idRange(from), database.env.PREDICTION_LOG_CHAIN_KEY, []),
  );

const findings = async () => (await verify()).findings.described;

/** @returns the id of a row of that reference */
async function record(reference: string): Promise<string> {
  const entry = { ...logEntry(), rows: [predictionRow({ reference })] };
  await log.record(entry);
  return entry.rows[0]!.id;
}

/** Does to a row what an erasure does, as somebody who can write to the table and has no key. */
async function forge(id: string): Promise<void> {
  const [row] = await sql<{ salt: Buffer; inputs: number[]; reference: string }>(
    'SELECT salt, inputs, reference FROM predictions WHERE id = $1',
    [id],
  );
  const { salt, inputs, reference } = row!;
  await sql('UPDATE predictions SET salt = NULL, inputs = NULL, reference = NULL, subject_hash = $2 WHERE id = $1', [
    id,
    subjectHash(salt, Float32Array.from(inputs), reference),
  ]);
}

/** What the release before leaves: groups of format 1, whose HMAC is not looked at here, and erasures without tokens. */
const asOfTheReleaseBefore = () =>
  sql(`UPDATE chain_groups SET format = 1; UPDATE prediction_erasures SET tokens = NULL`);

const unnamed = (id: string) =>
  `predictions ${id}: is erased, and no erasure names it: somebody erased it past the service`;

describe('an erasure', () => {
  it('names each row that it took, in an order that tells nothing', async () => {
    const ids = [await record('subject-1'), await record('subject-1'), await record('subject-1')];
    await record('subject-2');
    await log.erase('subject-1');
    const [erasure] = await sql<{ kind: string; row_count: number; tokens: Buffer }>(
      'SELECT * FROM prediction_erasures',
    );
    const tokens = ids.map((id) => erasureToken(id, database.env.PREDICTION_LOG_CHAIN_KEY));
    expect(erasure).toMatchObject({
      kind: 'asked',
      row_count: 3,
      tokens: Buffer.concat(tokens.toSorted((a, b) => a.compare(b))),
    });
    const verification = await verify();
    expect(verification).toMatchObject({ findings: { described: [] }, evidence: { named: 3, unproven: 0, absent: 0 } });
    expect(reportOf(verification)).toContain('\nerased rows that an erasure names: 3\n');
  });

  it('of more rows than fit one record names all of them', async () => {
    const entry = logEntry({ rows: 1500 });
    await log.record({ ...entry, rows: entry.rows.map((row) => ({ ...row, reference: 'subject-1' })) });
    await log.erase('subject-1');
    expect(await sql('SELECT row_count FROM prediction_erasures ORDER BY id')).toEqual([
      { row_count: 1000 },
      { row_count: 500 },
    ]);
    expect(await verify()).toMatchObject({ findings: { described: [] }, evidence: { named: 1500 } });
  });

  it('that found nothing fits', async () => {
    await record('subject-1');
    await log.erase('subject-2');
    expect(await verify()).toMatchObject({ findings: { described: [] }, evidence: { named: 0 } });
  });

  it('that somebody made up is found: the hash alone does not say who erased', async () => {
    await record('subject-1');
    await log.erase('subject-1');
    const id = await record('subject-2');
    await forge(id);
    expect(await findings()).toEqual([unnamed(id)]);
  });

  it('that was undone from a backup is found', async () => {
    const id = await record('subject-1');
    await sql('CREATE TABLE backup AS SELECT * FROM predictions');
    await log.erase('subject-1');
    await sql(`UPDATE predictions p SET salt = b.salt, inputs = b.inputs, reference = b.reference, subject_hash = NULL
      FROM backup b WHERE b.id = p.id`);
    expect(await findings()).toEqual([`predictions ${id}: an erasure names it, and its data are there`]);
  });

  it('from which a token was removed does not fit, nor does its row', async () => {
    const ids = [await record('subject-1'), await record('subject-1')];
    await log.erase('subject-1');
    await sql('UPDATE prediction_erasures SET tokens = substring(tokens FROM 33), row_count = 1');
    const found = await findings();
    expect(found).toHaveLength(2);
    expect(ids.map(unnamed)).toContain(found[0]);
    expect(found[1]).toMatch(/^prediction_erasures .*: is not what was recorded$/);
  });

  it('does not fit with the token of another row', async () => {
    const [first, second] = [await record('subject-1'), await record('subject-2')];
    await log.erase('subject-1');
    await log.erase('subject-2');
    await sql(`UPDATE prediction_erasures SET tokens = $1 WHERE tokens = $2`, [
      erasureToken(second, database.env.PREDICTION_LOG_CHAIN_KEY),
      erasureToken(first, database.env.PREDICTION_LOG_CHAIN_KEY),
    ]);
    expect(await findings()).toEqual([
      expect.stringMatching(/^prediction_erasures .*: names a row that an erasure names already$/),
      unnamed(first),
      expect.stringMatching(/^prediction_erasures .*: is not what was recorded$/),
    ]);
  });

  it('that was removed with its group leaves rows that nobody names', async () => {
    const id = await record('subject-1');
    await log.erase('subject-1');
    await sql(`DELETE FROM prediction_erasures; DELETE FROM chain_groups WHERE kind = 'erasure'`);
    expect(await findings()).toEqual([unnamed(id)]);
  });

  it('is taken for one of the release before by nobody: its format is signed', async () => {
    const id = await record('subject-1');
    await forge(id);
    await sql('UPDATE chain_groups SET format = 1');
    expect(await findings()).toEqual([
      expect.stringMatching(/^chain_groups .* was changed, or was not written with this PREDICTION_LOG_CHAIN_KEY$/),
    ]);
  });

  it('names rows also where it is not of the range that is checked', async () => {
    const id = await record('subject-1');
    const later = new Date(Date.now() + 60_000);
    await log.erase('subject-1');
    await forge(await record('subject-2'));
    expect(await verify(later)).toMatchObject({ findings: { described: [] }, evidence: { absent: 1 } });
    expect(reportOf(await verify(later))).toContain(
      'Not seen in a range: whether all rows that erasures name are there.',
    );
    await sql('DELETE FROM predictions WHERE id = $1', [id]);
    expect(await findings()).toContain(
      'prediction_erasures: 1 rows that erasures name are not there, and no more than 0 were dropped at the end of their retention',
    );
  });
});

describe('a group of a format that is newer than the reader', () => {
  it('is refused in words, once for all of its rows', async () => {
    await log.record(logEntry(), logEntry());
    await sql('UPDATE chain_groups SET format = 3');
    expect(await findings()).toEqual([
      expect.stringMatching(
        /^chain_groups .*: is of format 3, which this release cannot read: verify with the newest release$/,
      ),
    ]);
  });
});

/** @param now later than anything was written, unless said otherwise */
const baseline = (now = new Date(Date.now() + 3_600_000)) =>
  chainErasureBaseline(clientOptions(testConfig(database.env)), database.env.PREDICTION_LOG_CHAIN_KEY, now);

describe('the baseline', () => {
  it('names what was erased while erasures named no rows; until then such rows are without evidence', async () => {
    await record('subject-1');
    await record('subject-1');
    await log.erase('subject-1');
    await asOfTheReleaseBefore();
    const before = await verify();
    expect(before.evidence).toMatchObject({ named: 0, unproven: 2 });
    expect(before.findings.described).not.toContainEqual(expect.stringMatching(/^predictions/));
    expect(reportOf(before)).toContain('\nerased rows without evidence: 2. They are of a time when');
    expect(await baseline()).toMatchObject({ rows: 2, saidRows: 2 });
    expect((await verify()).evidence).toMatchObject({ named: 2, unproven: 0, absent: 0, baselineAt: expect.any(Date) });
  });

  it('leaves no excuse for a row that was erased past the service later, whatever its format', async () => {
    const id = await record('subject-1');
    await asOfTheReleaseBefore();
    await baseline();
    await forge(id);
    expect(await findings()).toContain(unnamed(id));
  });

  it('is done once', async () => {
    await baseline();
    await expect(baseline()).rejects.toThrow(/^it was done on 20.*, and is done once only\.$/);
    expect(await verify()).toMatchObject({ findings: { described: [] } });
  });

  it('is refused while the release before may still write', async () => {
    await record('subject-1');
    await asOfTheReleaseBefore();
    await expect(baseline(new Date())).rejects.toThrow('Run it when that release has no instances any more');
  });

  it('is refused while a month is off, whose rows it would miss', async () => {
    await sql('ALTER TABLE predictions DETACH PARTITION predictions_default');
    await expect(baseline()).rejects.toThrow('Run npm run log:maintain first');
  });
});
