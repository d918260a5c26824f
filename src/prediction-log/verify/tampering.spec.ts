import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Client } from 'pg';
import { createDatabase, type TestDatabase } from '../../../test/support/database.js';
import { logEntry, predictionRow } from '../../../test/support/log-entry.js';
import { RecordedLog } from '../../../test/support/recorded-log.js';
import { newId } from '../../common/ids/new-id.js';
import { queryOn } from '../../database/query.js';
import { type ChainGroup, groupHmac } from '../chain/chain-writer.js';
import type { LogEntry } from '../prediction-record.js';
import { idRange } from '../scan/id-range.js';
import { verifyLog } from './verify-log.js';

Logger.overrideLogger(false);

let database: TestDatabase;
let client: Client;

/** The rows of the first group of the first writer; each of its three other groups has one row, the last of which is erased. */
const group = [logEntry(), logEntry(), logEntry()];
const singles = [logEntry(), logEntry(), { ...logEntry(), rows: [predictionRow({ reference: 'subject-1' })] }];
const first = idOf(group[0]!);
const second = idOf(group[1]!);
const erased = idOf(singles[2]!);

beforeAll(async () => {
  database = await createDatabase();
  const log = new RecordedLog(database);
  await log.record(...group);
  for (const single of singles) await log.record(single);
  await log.recordOutcome(first);
  await log.erase('subject-1');
  await log.close();
  client = new Client(database.url);
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await database.close();
});

// Each test tampers in a transaction, and leaves the log as it was.
beforeEach(() => client.query('BEGIN'));
afterEach(() => client.query('ROLLBACK'));

function idOf({ rows }: LogEntry): string {
  return rows[0]!.id;
}

async function findings(): Promise<string[]> {
  const verification = await verifyLog(queryOn(client), idRange(), database.env.PREDICTION_LOG_CHAIN_KEY, []);
  return verification.findings.described;
}

const sql = async <Row = Record<string, unknown>>(text: string, values: unknown[] = []): Promise<Row[]> =>
  (await client.query(text, values)).rows as Row[];

/** Where a row says it belongs, as findings name it. */
async function placeOf(id: string): Promise<string> {
  const [place] = await sql<{ text: string }>(
    `SELECT format('(row %s of group %s (writer %s, sequence %s))', group_index, g.id, writer, sequence) AS text
     FROM predictions p JOIN chain_groups g ON g.id = group_id WHERE p.id = $1`,
    [id],
  );
  return place!.text;
}

/** Inserts a copy of a row. */
async function insertCopy(of: string, change: Record<'id' | 'group_id' | 'group_index', string>): Promise<void> {
  await sql('CREATE TEMP TABLE copy ON COMMIT DROP AS SELECT * FROM predictions WHERE id = $1', [of]);
  await sql(`UPDATE copy SET id = ${change.id}, group_id = ${change.group_id}, group_index = ${change.group_index}`);
  await sql('INSERT INTO predictions SELECT * FROM copy');
}

interface Link {
  id: string;
  name: string;
}

/** The groups of predictions, in the order of their chain. */
const links = () =>
  sql<Link>(
    `SELECT id, format('chain_groups %s (writer %s, sequence %s)', id, writer, sequence) AS name
     FROM chain_groups WHERE kind = 'prediction' ORDER BY sequence`,
  );

it('names what no column of the service ever holds, and goes on', async () => {
  await sql(`UPDATE prediction_outcomes SET observed_at = 'infinity'`);
  await sql(`UPDATE scoring_contexts SET feature_names = '{{a},{b}}'`);
  await sql(`UPDATE predictions SET caller = 'somebody' WHERE id = $1`, [second]);
  expect(await findings()).toEqual([
    expect.stringMatching(/^scoring_contexts .+: is not what was recorded$/),
    expect.stringMatching(/^predictions .+: is not what was recorded$/),
    expect.stringMatching(/^prediction_outcomes .+: has a value that the service does not write$/),
  ]);
});

it('nothing is found before anything is done', async () => {
  expect(await findings()).toEqual([]);
});

describe('a prediction', () => {
  it.each(['ARRAY[50000, NULL]', "'{{50000},{1}}'"])(
    'with inputs %s, which are never written, is named',
    async (inputs) => {
      await sql(`UPDATE predictions SET inputs = ${inputs} WHERE id = $1`, [second]);
      expect(await findings()).toEqual([`predictions ${second} ${await placeOf(second)}: is neither whole nor erased`]);
    },
  );

  it.each([
    ['request_id', `'request-9'`],
    ['trace_id', `'trace'`],
    ['batch_id', 'gen_random_uuid()'],
    ['row_index', '7'],
    ['inputs', 'ARRAY[50000, 1]'],
    ['inputs', `ARRAY[50000.004, 'NaN'::real]`],
    ['probability', '0.30000004'],
    ['prediction', '1'],
    ['reference', `'application-2'`],
    ['reference', 'NULL'],
    ['caller', `'somebody'`],
    ['inference_us', '31'],
    ['salt', String.raw`'\x00'`],
    ['warnings', `'[{"feature": "income", "code": "OUT_OF_RANGE"}]'`],
  ])('with another %s (%s) is named', async (column, value) => {
    await sql(`UPDATE predictions SET ${column} = ${value} WHERE id = $1`, [second]);
    expect(await findings()).toEqual([`predictions ${second} ${await placeOf(second)}: is not what was recorded`]);
  });

  it.each([
    ['salt = NULL', 'is neither whole nor erased'],
    [String.raw`subject_hash = '\x00'`, 'is neither whole nor erased'],
    [`warnings = '{"feature": "a"}'`, 'has warnings that the service does not write'],
    [`warnings = '[{"feature": "a", "code": "b", "more": 1}]'`, 'has warnings that the service does not write'],
    [
      `context_id = '00000000-0000-0000-0000-000000000000'`,
      'names the scoring context 00000000-0000-0000-0000-000000000000, which is not there',
    ],
  ])('with %s is named', async (change, finding) => {
    await sql(`UPDATE predictions SET ${change} WHERE id = $1`, [second]);
    expect(await findings()).toEqual([`predictions ${second} ${await placeOf(second)}: ${finding}`]);
  });

  it.each(['probability = 0.1', String.raw`subject_hash = '\x00'`])(
    'that was erased is named when what is left of it was changed: %s',
    async (change) => {
      await sql(`UPDATE predictions SET ${change} WHERE id = $1`, [erased]);
      expect(await findings()).toEqual([`predictions ${erased} ${await placeOf(erased)}: is not what was recorded`]);
    },
  );

  it('that was removed is named by its place', async () => {
    const [{ name }] = (await links()) as [Link];
    await sql('DELETE FROM predictions WHERE group_index = 1');
    expect(await findings()).toEqual([`predictions: of group ${name.replace('chain_groups ', '')}, row 1 is missing`]);
  });

  it('that was given another id is named', async () => {
    const id = newId();
    await sql('UPDATE predictions SET id = $1 WHERE id = $2', [id, second]);
    expect(await findings()).toEqual([`predictions ${id} ${await placeOf(id)}: is not what was recorded`]);
  });

  it.each([
    ['in the place of another', 'group_id', 'group_index'],
    ['in a place of its own', 'group_id', '3'],
    ['in a group that is not there', 'gen_random_uuid()', 'group_index'],
  ])('that somebody inserted is named, %s', async (_where, groupId, groupIndex) => {
    const id = newId(Date.now() + 1000);
    await insertCopy(second, { id: `'${id}'`, group_id: groupId, group_index: groupIndex });
    expect(await findings()).toEqual([
      expect.stringMatching(new RegExp(`^predictions ${id} .*belongs to no group: it was not recorded by the service`)),
    ]);
  });

  it('that somebody put before the right one takes nothing from that', async () => {
    const last = group.map(idOf).toSorted().at(-1)!;
    const [{ id: groupId }] = (await links()) as [Link];
    const id = `${groupId.slice(0, -1)}${groupId.endsWith('f') ? 'e' : 'f'}`;
    await insertCopy(last, { id: `'${id}'`, group_id: 'group_id', group_index: 'group_index' });
    expect(await findings()).toEqual([`predictions ${id} ${await placeOf(id)}: is not what was recorded`]);
  });
});

describe('a scoring context', () => {
  it('that was changed is named', async () => {
    await sql(`UPDATE scoring_contexts SET model_version = '8'`);
    expect(await findings()).toEqual([`scoring_contexts ${group[0]!.context.id}: is not what was recorded`]);
  });

  it.each([
    ['its class', `default_class = 'good'`],
    ['where its class was said', `default_class_from = 'assumed'`],
    ['its format', 'format = 1'],
    [
      'its format and class, to those of a release before',
      'format = 1, default_class = NULL, default_class_from = NULL',
    ],
  ])('is named when %s was changed', async (_what, change) => {
    await sql(`UPDATE scoring_contexts SET ${change}`);
    expect(await findings()).toEqual([`scoring_contexts ${group[0]!.context.id}: is not what was recorded`]);
  });

  it('of a newer format is left to a newer release', async () => {
    await sql('UPDATE scoring_contexts SET format = 3');
    expect(await findings()).toEqual([
      `scoring_contexts ${group[0]!.context.id}: is of format 3, which only a newer release can check: run its log:verify`,
    ]);
  });
});

describe('an outcome', () => {
  it.each([
    ['changed', `UPDATE prediction_outcomes SET defaulted = false`, 'is not what was recorded'],
    [
      'changed in its time',
      `UPDATE prediction_outcomes SET observed_at = observed_at + interval '1 ms'`,
      'is not what',
    ],
    ['removed', 'DELETE FROM prediction_outcomes', 'row 0 is missing'],
  ])('that was %s is named', async (_how, statement, finding) => {
    await sql(statement);
    expect(await findings()).toEqual([expect.stringMatching(new RegExp(`^prediction_outcomes.*${finding}`))]);
  });
});

describe('an erasure', () => {
  it.each([
    ['changed', `UPDATE prediction_erasures SET request_id = 'x'`, 'is not what was recorded'],
    ['changed in its kind', `UPDATE prediction_erasures SET kind = 'late'`, 'is not what was recorded'],
  ])('that was %s is named', async (_how, statement, finding) => {
    await sql(statement);
    expect(await findings()).toEqual([expect.stringMatching(new RegExp(`^prediction_erasures.*${finding}`))]);
  });

  it('that was removed is named, and so are the rows that it took', async () => {
    await sql('DELETE FROM prediction_erasures');
    expect(await findings()).toEqual([
      expect.stringMatching(new RegExp(`^predictions ${erased}: is erased, and no erasure names it`)),
      expect.stringMatching(/^prediction_erasures.*row 0 is missing$/),
    ]);
  });
});

describe('a group', () => {
  it.each([
    ['kind', `'outcome'`],
    ['writer', 'gen_random_uuid()'],
    ['sequence', '7'],
    ['previous_hash', String.raw`'\x00'`],
    ['row_count', '2'],
    ['row_hashes', String.raw`'\x00'`],
    ['hmac', String.raw`'\x00'`],
  ])('with another %s does not fit', async (column, value) => {
    const [, tampered] = (await links()) as [Link, Link];
    await sql(`UPDATE chain_groups SET ${column} = ${value} WHERE id = $1`, [tampered.id]);
    expect(await findings()).toContainEqual(
      expect.stringMatching(new RegExp(`^chain_groups ${tampered.id} .*was changed, or was not written with this`)),
    );
  });

  it.each([
    ['the beginning', 0],
    ['the middle', 1],
  ])('that was removed with its rows from %s of a chain is a gap before the next one', async (_where, index) => {
    const chain = await links();
    await sql('DELETE FROM predictions WHERE group_id = $1', [chain[index]!.id]);
    await sql('DELETE FROM chain_groups WHERE id = $1', [chain[index]!.id]);
    expect(await findings()).toEqual([`${chain[index + 1]!.name}: the group before it, sequence ${index}, is missing`]);
  });

  it('that was removed alone is missed by its row as well', async () => {
    const [, removed, next] = (await links()) as [Link, Link, Link];
    await sql('DELETE FROM chain_groups WHERE id = $1', [removed.id]);
    expect(await findings()).toEqual([
      expect.stringContaining(`(row 0 of group ${removed.id}): belongs to no group`),
      `${next.name}: the group before it, sequence 1, is missing`,
    ]);
  });

  it('that changed places with another does not fit, nor does the other', async () => {
    const [, one, other] = (await links()) as [Link, Link, Link];
    await sql(`UPDATE chain_groups SET sequence = 3 - sequence WHERE id IN ($1, $2)`, [one.id, other.id]);
    const found = await findings();
    for (const { id } of [one, other]) {
      expect(found).toContainEqual(expect.stringMatching(new RegExp(`^chain_groups ${id} .*was changed, or`)));
    }
  });

  it('of a kind that the service does not know is named', async () => {
    const [tampered] = (await links()) as [Link];
    await sql(`UPDATE chain_groups SET kind = 'note' WHERE id = $1`, [tampered.id]);
    expect(await findings()).toContain(`${tampered.name}: has the kind note, which the service does not write`);
  });

  it('that somebody with the key wrote anew is not what the next one follows', async () => {
    const [, rewritten, next] = (await links()) as [Link, Link, Link];
    const [columns] = await sql<ChainGroup>(
      `SELECT id, format, kind, writer, sequence::int, row_count AS "rowCount", row_hashes AS "rowHashes"
       FROM chain_groups WHERE id = $1`,
      [rewritten.id],
    );
    const previousHash = Buffer.alloc(32, 9);
    const hmac = groupHmac({ ...columns!, previousHash }, database.env.PREDICTION_LOG_CHAIN_KEY);
    await sql('UPDATE chain_groups SET previous_hash = $2, hmac = $3 WHERE id = $1', [
      rewritten.id,
      previousHash,
      hmac,
    ]);
    expect(await findings()).toEqual(
      [rewritten, next].map(({ name }) => `${name}: does not follow the group before it`),
    );
  });
});
