import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client, DatabaseError } from 'pg';
import { createDatabase, type TestDatabase } from '../../../test/support/database.js';
import { BindMessage } from './bind-message.js';
import { PreparedInsert } from './prepared-insert.js';
import { bytea, float4, int2, int4, int8, text, uuid, type WireType } from './wire-types.js';

let database: TestDatabase;
let client: Client;

const message = new BindMessage();

beforeAll(async () => {
  database = await createDatabase();
  client = new Client(database.url);
  await client.connect();
});

afterAll(async () => {
  await client.end();
  await database.close();
});

const run = (name: string, sql: string, bound: Buffer) =>
  client.query(new PreparedInsert({ name, text: sql }, bound)).done;

/** What PostgreSQL understood of a message with one parameter, in its own text form. */
async function understood(type: string, bind: (message: BindMessage) => BindMessage): Promise<string | null> {
  await client.query('CREATE TEMPORARY TABLE IF NOT EXISTS understood (value text)');
  await client.query('TRUNCATE understood');
  const name = `insert ${type}`;
  const bound = bind(message.start(name, 1)).finish();
  expect(await run(name, `INSERT INTO understood SELECT $1::${type}::text`, bound)).toBe(1);
  const { rows } = await client.query('SELECT value FROM understood');
  return rows[0].value as string;
}

const same = <T>(value: T): T => value;
const column =
  <T>(type: WireType<T>, values: (T | null)[]) =>
  (bind: BindMessage) =>
    bind.column(type, values, same);

const ID = '01a20b55-1529-7254-9ad5-d5bfe1ac13a4';
const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

describe('A parameter', () => {
  it.each<[string, (bind: BindMessage) => BindMessage, string | null]>([
    ['integer', (bind) => bind.value(int4, -7), '-7'],
    ['bigint', (bind) => bind.value(int8, Number.MAX_SAFE_INTEGER), '9007199254740991'],
    ['text', (bind) => bind.value(text, 'Zoë 🏦'), 'Zoë 🏦'],
    ['text', (bind) => bind.value(text, null), null],
    ['uuid', (bind) => bind.value(uuid, ID), ID],
    ['bytea', (bind) => bind.value(bytea, Uint8Array.of(0, 255)), String.raw`\x00ff`],
    ['smallint[]', column(int2, [-1, 0, 1]), '{-1,0,1}'],
    ['integer[]', column(int4, [-2_147_483_648, null, 7]), '{-2147483648,NULL,7}'],
    ['real[]', column(float4, [0.1, -0, Number.NaN, Infinity]), '{0.1,-0,NaN,Infinity}'],
    ['text[]', column(text, ['', null, 'a,"b"\\{}', 'Zoë 🏦', 'NULL']), '{"",NULL,"a,\\"b\\"\\\\{}","Zoë 🏦","NULL"}'],
    ['text[]', column(text, [null, null]), null],
    ['bytea[]', column(bytea, [Uint8Array.of(0, 255), null]), String.raw`{"\\x00ff",NULL}`],
    ['uuid[]', column(uuid, [ID, null, LAST_ID]), `{${ID},NULL,${LAST_ID}}`],
    ['bytea[]', (bind) => bind.bytes(Buffer.from('abcd'), 2), String.raw`{"\\x6162","\\x6364"}`],
    ['real[]', (bind) => bind.float4s([Float32Array.of(1, 2), Float32Array.of(0.1)], same), '{1,2,0.1}'],
  ])('of type %s is what PostgreSQL reads', async (type, bind, expected) => {
    expect(await understood(type, bind)).toBe(expected);
  });

  it('keeps the bits of a float32', async () => {
    const values = Float32Array.from({ length: 500 }, (_, i) => Math.sin(i) * 10 ** ((i % 70) - 35));
    const read = JSON.parse(
      (await understood('real[]', (bind) => bind.float4s([values], same)))!.replace('{', '[').replace('}', ']'),
    );
    expect(Float32Array.from(read as number[])).toEqual(values);
  });

  it('may be longer than any before', async () => {
    const long = 'x'.repeat(1_000_000);
    expect(await understood('text', (bind) => bind.value(text, long))).toBe(long);
  });
});

describe('PreparedInsert', () => {
  it('counts what was written', async () => {
    await client.query('CREATE TEMPORARY TABLE counted (id integer PRIMARY KEY)');
    const insert = 'INSERT INTO counted SELECT unnest($1::int[]) ON CONFLICT DO NOTHING';
    const of = (ids: number[]) => run('count', insert, message.start('count', 1).column(int4, ids, same).finish());
    expect(await of([1, 2, 3])).toBe(3);
    expect(await of([3, 4])).toBe(1);
  });

  it('fails with what PostgreSQL says, and its connection goes on', async () => {
    await client.query('CREATE TEMPORARY TABLE unique_ids (id integer PRIMARY KEY)');
    const insert = 'INSERT INTO unique_ids VALUES ($1)';
    const one = () => run('unique', insert, message.start('unique', 1).value(int4, 1).finish());
    expect(await one()).toBe(1);
    await expect(one()).rejects.toThrow(DatabaseError);
    await expect(one()).rejects.toThrow('unique_ids_pkey');
  });

  it('fails when its connection breaks', async () => {
    const other = new Client(database.url);
    other.on('error', () => undefined);
    await other.connect();
    const { rows } = await other.query('SELECT pg_backend_pid() AS pid');
    const bound = message.start('wait', 1).value(int4, 60).finish();
    const { done } = other.query(new PreparedInsert({ name: 'wait', text: 'SELECT pg_sleep($1::int)' }, bound));
    // Awaited together: it may fail before the order to end it is answered.
    await Promise.all([
      expect(done).rejects.toThrow('terminating connection'),
      client.query('SELECT pg_terminate_backend($1)', [rows[0].pid]),
    ]);
  });
});
