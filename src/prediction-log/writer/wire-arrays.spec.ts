import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { createDatabase, type TestDatabase } from '../../../test/support/database.js';
import { bytea, float4, int2, int4, text, uuid, wireArray } from './wire-arrays.js';

let database: TestDatabase;
let client: Client;

beforeAll(async () => {
  database = await createDatabase();
  client = new Client(database.url);
  await client.connect();
});

afterAll(async () => {
  await client.end();
  await database.close();
});

/** What PostgreSQL understood, in its own text form. */
async function understood(type: string, array: Buffer): Promise<string> {
  const { rows } = await client.query(`SELECT $1::${type}[]::text AS text`, [array]);
  return rows[0].text as string;
}

describe('An array in binary form', () => {
  it.each([
    ['smallint', wireArray(int2, [-1, 0, 1], (value) => value), '{-1,0,1}'],
    ['integer', wireArray(int4, [-2_147_483_648, null, 7], (value) => value), '{-2147483648,NULL,7}'],
    ['real', wireArray(float4, [0.1, -0, Number.NaN, Infinity], (value) => value), '{0.1,-0,NaN,Infinity}'],
    [
      'text',
      wireArray(text, ['', null, 'a,"b"\\{}', 'Zoë 🏦', 'NULL'], (value) => value),
      '{"",NULL,"a,\\"b\\"\\\\{}","Zoë 🏦","NULL"}',
    ],
    ['bytea', wireArray(bytea, [Uint8Array.of(0, 255), null], (value) => value), String.raw`{"\\x00ff",NULL}`],
    [
      'uuid',
      wireArray(
        uuid,
        ['01a20b55-1529-7254-9ad5-d5bfe1ac13a4', null, 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
        (value) => value,
      ),
      '{01a20b55-1529-7254-9ad5-d5bfe1ac13a4,NULL,ffffffff-ffff-ffff-ffff-ffffffffffff}',
    ],
    ['text', wireArray(text, [], (value) => value), '{}'],
  ])('of %s is what PostgreSQL reads', async (type, array, expected) => {
    expect(await understood(type, array)).toBe(expected);
  });

  it('keeps the bits of a float32', async () => {
    const values = Float32Array.from({ length: 500 }, (_, i) => Math.sin(i) * 10 ** ((i % 70) - 35));
    const array = wireArray(float4, [...values], (value) => value);
    const { rows } = await client.query('SELECT $1::real[] AS values', [array]);
    expect(Float32Array.from(rows[0].values as number[])).toEqual(values);
  });
});
