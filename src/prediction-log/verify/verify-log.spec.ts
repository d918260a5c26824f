import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { Client } from 'pg';
import { type TestDatabase, testDatabases } from '../../../test/support/database.js';
import { logEntry, predictionRow, scoringContextFixture } from '../../../test/support/log-entry.js';
import { RecordedLog } from '../../../test/support/recorded-log.js';
import { testConfig } from '../../../test/support/test-config.js';
import { newId } from '../../common/ids/new-id.js';
import { clientOptions } from '../../database/client-options.js';
import type { ChainHead } from '../chain/chain-writer.js';
import { checkpointHmac, type DroppedChain } from '../chain/checkpoint.js';
import type { LogEntry } from '../prediction-record.js';
import { firstId } from '../id-time.js';
import { idRange } from '../scan/id-range.js';
import { onSnapshot } from '../scan/snapshot.js';
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

interface Options {
  from?: Date;
  to?: Date;
  heads?: ChainHead[];
  key?: string;
}

async function verify({ from, to, heads = [], key = database.env.PREDICTION_LOG_CHAIN_KEY }: Options = {}) {
  const options = clientOptions(testConfig(database.env));
  return onSnapshot(options, (query) => verifyLog(query, idRange(from, to), key, heads));
}

const findingsOf = async (options?: Options) => (await verify(options)).findings.described;

const sql = async <Row = Record<string, unknown>>(text: string, values: unknown[] = []): Promise<Row[]> =>
  (await database.client.query(text, values)).rows as Row[];

const idOf = (entry: LogEntry) => entry.rows[0]!.id;

const newestGroups = () =>
  sql<ChainHead>(
    `SELECT DISTINCT ON (writer) writer, sequence::int, encode(hmac, 'hex') AS hash
     FROM chain_groups ORDER BY writer, sequence DESC`,
  );

describe('a log as the service wrote it', () => {
  it('fits where the release before wrote too: its contexts are of format 1, which knows no default class', async () => {
    const context = scoringContextFixture({ format: 1, defaultClass: null, defaultClassFrom: null });
    // That release names no columns that it does not know.
    await sql(
      `INSERT INTO scoring_contexts (id, model_name, model_version, model_alias, model_digest, threshold, feature_names,
         onnxruntime_version, platform)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [
        context.id,
        context.modelName,
        context.modelVersion,
        context.modelAlias,
        context.modelDigest,
        context.threshold,
        context.featureNames,
        context.onnxruntimeVersion,
        context.platform,
      ],
    );
    await log.record(logEntry({ context }), logEntry());
    expect(await findingsOf()).toEqual([]);
    expect(await sql('SELECT format, default_class AS label FROM scoring_contexts ORDER BY format')).toEqual([
      { format: 1, label: null },
      { format: 2, label: '1' },
    ]);
  });

  it('fits: single predictions, batches, outcomes and erasures', async () => {
    const singles = Array.from({ length: 20 }, (_, i) => logEntry({ caller: i % 2 ? 'web-shop' : null }));
    const odd = predictionRow({
      reference: null,
      inputs: Float32Array.of(0.1, -0),
      warnings: [{ feature: 'ä\n"', code: 'OUT_OF_RANGE' }],
    });
    await log.record(...singles);
    await log.record({ ...logEntry({ traceId: 'a'.repeat(32) }), rows: [odd] });
    await log.record({ ...logEntry(), rows: [predictionRow({ reference: 'subject-1' })] });
    await log.record(logEntry({ rows: 600 }));
    await log.recordOutcome(idOf(singles[0]!));
    await log.erase('subject-1');
    expect(await verify({ heads: await newestGroups() })).toMatchObject({
      findings: { count: 0 },
      contents: {
        predictions: { rows: 622, erased: 1, groups: 6 },
        prediction_outcomes: { rows: 1, groups: 1 },
        prediction_erasures: { rows: 1, groups: 1 },
      },
      order: { writers: 3, outsideRange: 0, dropped: 0 },
      heads: 3,
    });
  });

  it('fits when it is empty', async () => {
    expect(await verify()).toMatchObject({ findings: { count: 0 }, order: { writers: 0 } });
  });

  it('fits while the service writes to it', async () => {
    await log.record(logEntry());
    const options = clientOptions(testConfig(database.env));
    const verification = await onSnapshot(options, async (query) => {
      await query('SELECT count(*) FROM predictions');
      await log.record(logEntry());
      return verifyLog(query, idRange(), database.env.PREDICTION_LOG_CHAIN_KEY, []);
    });
    expect(verification).toMatchObject({ findings: { count: 0 }, contents: { predictions: { rows: 1 } } });
  });

  it('fits with late arrivals of an earlier month', async () => {
    await log.record(logEntry());
    await log.record(logEntry({ ids: [newId(Date.UTC(2026, 9, 31))] }));
    await log.record(logEntry());
    expect(await verify()).toMatchObject({ findings: { count: 0 }, order: { writers: 1 } });
  });

  it('does not fit a key that it was not written with', async () => {
    await log.record(logEntry());
    expect(await findingsOf({ key: 'another key, also not secret at all' })).toEqual([
      expect.stringContaining('was changed, or was not written with this PREDICTION_LOG_CHAIN_KEY'),
    ]);
  });
});

/** Writes four groups and removes the last two. @returns the heads before */
async function cutTail(): Promise<ChainHead[]> {
  for (let i = 0; i < 4; i++) await log.record(logEntry());
  const heads = await newestGroups();
  await sql('DELETE FROM predictions WHERE group_id IN (SELECT id FROM chain_groups WHERE sequence > 1)');
  await sql('DELETE FROM chain_groups WHERE sequence > 1');
  return heads;
}

describe('the end of a chain', () => {
  it('that was cut off is missed by its head, and without heads by nobody', async () => {
    const heads = await cutTail();
    expect(await findingsOf()).toEqual([]);
    expect(await findingsOf({ heads })).toEqual([
      `chain_groups: the chain of writer ${heads[0]!.writer} was cut off: sequence 3 was logged as its head and is missing`,
    ]);
  });

  it('that was written anew is not what was logged', async () => {
    await log.record(logEntry());
    const [head] = await newestGroups();
    expect(await findingsOf({ heads: [{ ...head!, hash: 'ab'.repeat(32) }] })).toEqual([
      `chain_groups: sequence 0 of writer ${head!.writer} is not the group that was logged as its head`,
    ]);
  });

  it('may have moved on since its head was logged', async () => {
    await log.record(logEntry());
    const heads = await newestGroups();
    await log.record(logEntry());
    expect(await findingsOf({ heads })).toEqual([]);
  });
});

const at = (minute: number) => new Date(Date.UTC(2026, 10, 10, 12, minute));
const idAt = (minute: number) => newId(at(minute).getTime());

describe('a range', () => {
  it('checks what was made in it and accepts that chains began before', async () => {
    const entries = [0, 10, 20, 30].map((minute) => logEntry({ ids: [idAt(minute)] }));
    for (const entry of entries) await log.record(entry);
    expect(await verify({ from: at(10), to: at(30) })).toMatchObject({
      findings: { count: 0 },
      contents: { predictions: { rows: 2, groups: 2 } },
      order: { writers: 1, outsideRange: 1 },
    });
    await sql('UPDATE predictions SET caller = $1 WHERE id = ANY ($2)', ['x', [idOf(entries[0]!), idOf(entries[3]!)]]);
    expect(await findingsOf({ from: at(10), to: at(30) })).toEqual([]);
    expect(await findingsOf({ from: at(0), to: at(10) })).toHaveLength(1);
    expect(await findingsOf({ from: at(30) })).toHaveLength(1);
  });

  it('checks the rows of groups that reach over its bounds', async () => {
    const ids = [0, 10, 20].map(idAt);
    await log.record(...ids.map((id) => logEntry({ ids: [id] })));
    expect(await findingsOf({ from: at(5), to: at(15) })).toEqual([]);
    await sql(`UPDATE predictions SET caller = 'x' WHERE id = ANY ($1)`, [ids.slice(1)]);
    expect(await findingsOf({ from: at(5), to: at(15) })).toEqual([expect.stringContaining(`predictions ${ids[1]} `)]);
    expect(await findingsOf({ to: at(5) })).toEqual([
      expect.stringContaining(`predictions ${ids[1]} `),
      expect.stringContaining(`predictions ${ids[2]} `),
    ]);
  });

  it('misses a row of its groups that should lie beyond its end', async () => {
    const ids = [0, 10, 20].map(idAt);
    await log.record(...ids.map((id) => logEntry({ ids: [id] })));
    await sql('DELETE FROM predictions WHERE id = $1', [ids[2]]);
    expect(await findingsOf({ to: at(5) })).toEqual([expect.stringContaining('row 2 is missing')]);
  });

  it('names a row that claims to be of a group beyond it', async () => {
    const [inside, beyond] = [idAt(0), idAt(20)];
    await log.record(logEntry({ ids: [beyond] }));
    await sql('UPDATE predictions SET id = $1', [inside]);
    expect(await findingsOf({ to: at(10) })).toEqual([
      expect.stringContaining(`predictions ${inside} (row 0 of group ${beyond}): belongs to no group`),
    ]);
  });

  it('does not take a chain that was cut before it for one that began before', async () => {
    const entries = [0, 10, 20].map((minute) => logEntry({ ids: [idAt(minute)] }));
    for (const entry of entries) await log.record(entry);
    await sql('DELETE FROM predictions WHERE id = $1', [idOf(entries[1]!)]);
    await sql('DELETE FROM chain_groups WHERE sequence = 1');
    expect(await findingsOf({ from: at(15) })).toEqual([
      expect.stringContaining('the group before it, sequence 1, is missing'),
    ]);
  });
});

/** In two months, by one writer: two groups of October, one of November, a late one of October, one of November. */
async function dropOctober({ heads = 'all' }: { heads?: 'all' | 'last' } = {}) {
  const times = [Date.UTC(2026, 9, 1), Date.UTC(2026, 9, 2), at(0), Date.UTC(2026, 9, 31), at(10)];
  for (const time of times) await log.record(logEntry({ ids: [newId(+time)] }));
  const dropped = await sql<DroppedChain>(
    `SELECT writer, (CASE sequence WHEN 1 THEN 0 ELSE sequence END)::int AS first, sequence::int, encode(hmac, 'hex') AS hash
     FROM chain_groups WHERE sequence IN (1, 3) ORDER BY sequence`,
  );
  const checkpoint = {
    month: '2026-10-01',
    rowCounts: { predictions: 3, prediction_outcomes: 0, chain_groups: 3 },
    heads: heads === 'all' ? dropped : dropped.slice(1),
  };
  await sql('INSERT INTO retention_checkpoints (partition_month, row_counts, heads, hmac) VALUES ($1, $2, $3, $4)', [
    checkpoint.month,
    checkpoint.rowCounts,
    JSON.stringify(checkpoint.heads),
    checkpointHmac(checkpoint, database.env.PREDICTION_LOG_CHAIN_KEY, 1),
  ]);
  for (const table of ['predictions', 'chain_groups']) {
    await sql(`DELETE FROM ${table} WHERE id < $1`, [firstId(new Date('2026-11-01'))]);
  }
  return dropped;
}

describe('a month that was dropped at the end of its retention', () => {
  it('is accepted by its signed checkpoint wherever it cut a chain', async () => {
    const [, newest] = await dropOctober();
    expect(await verify({ heads: [newest!] })).toMatchObject({
      findings: { count: 0 },
      contents: { predictions: { rows: 2 } },
      order: { writers: 1, outsideRange: 0, dropped: 2 },
    });
  });

  it('does not excuse a gap that its checkpoint does not name', async () => {
    await dropOctober({ heads: 'last' });
    expect(await findingsOf()).toEqual([expect.stringContaining('the group before it, sequence 1, is missing')]);
  });

  it('does not excuse that a group is missing between two that it names', async () => {
    await dropOctober();
    await sql('DELETE FROM predictions; DELETE FROM chain_groups');
    expect(await findingsOf()).toEqual([expect.stringMatching(/: sequence 2 of writer .* is missing/)]);
  });

  it('does not excuse heads after it', async () => {
    const [, newest] = await dropOctober();
    expect(await findingsOf({ heads: [{ ...newest!, sequence: 5 }] })).toEqual([
      expect.stringContaining('was cut off: sequence 5 was logged'),
    ]);
  });

  it.each([`row_counts = row_counts || '{"predictions": 4}'`, `heads = '{}'`])(
    'excuses nothing when its checkpoint was changed: %s',
    async (change) => {
      await dropOctober();
      await sql(`UPDATE retention_checkpoints SET ${change}`);
      expect(await findingsOf()).toEqual([
        expect.stringMatching(/^retention_checkpoints 2026-10-01: was changed, or/),
        expect.stringContaining('the group before it, sequence 1, is missing'),
        expect.stringContaining('the group before it, sequence 3, is missing'),
      ]);
    },
  );
});

describe('damage on a large scale', () => {
  it('is counted in full and described in part', async () => {
    await log.record(...Array.from({ length: 50 }, () => logEntry()));
    await sql(`UPDATE predictions SET caller = 'x'`);
    const { findings } = await verify();
    expect(findings.count).toBe(50);
    expect(findings.described).toHaveLength(20);
  });
});
