import { describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { createDatabase } from '../../test/support/database.js';
import { readVariables } from '../config/env.schema.js';
import { clientOptions, DATABASE_VARIABLES } from './client-options.js';

const URL = 'postgresql://scoring:s3cret@db.example:5433/log';
const CA_FILE = 'test/fixtures/tls/cert.pem';

const optionsFor = (env: Record<string, string>) => clientOptions(readVariables(DATABASE_VARIABLES, env));

/** What pg makes of the options. */
const clientFor = (env: Record<string, string>) => new Client(optionsFor(env));

describe('clientOptions', () => {
  it('takes server, database and credentials from DATABASE_URL', () => {
    expect(clientFor({ DATABASE_URL: URL })).toMatchObject({
      host: 'db.example',
      port: 5433,
      database: 'log',
      user: 'scoring',
      ssl: false,
    });
  });

  it('reads numbers and dates the same, whatever the server, the database or the URL say', async () => {
    const database = await createDatabase();
    const client = new Client(
      optionsFor({
        DATABASE_URL: `${database.url}?options=${encodeURIComponent('-c datestyle=German -c extra_float_digits=-5')}`,
      }),
    );
    await client.connect();
    const { rows } = await client.query(
      `SELECT current_setting('datestyle') AS style, current_setting('extra_float_digits') AS digits`,
    );
    expect(rows).toEqual([{ style: expect.stringMatching(/^ISO/), digits: '1' }]);
    await client.end();
    await database.close();
  });

  it('has PostgreSQL give up statements after DATABASE_STATEMENT_TIMEOUT_MS', () => {
    expect(optionsFor({ DATABASE_URL: URL, DATABASE_STATEMENT_TIMEOUT_MS: '700' }).statement_timeout).toBe(700);
  });

  it.each([
    ['disable', false],
    ['require', { rejectUnauthorized: false }],
    ['verify-full', {}],
  ])('understands sslmode=%s as libpq does', (mode, ssl) => {
    expect(clientFor({ DATABASE_URL: `${URL}?sslmode=${mode}` }).ssl).toEqual(ssl);
  });

  it('checks certificates against DATABASE_CA_FILE, also where the URL has no sslmode', () => {
    const ssl = { ca: expect.stringContaining('BEGIN CERTIFICATE') };
    expect(clientFor({ DATABASE_URL: URL, DATABASE_CA_FILE: CA_FILE }).ssl).toEqual(ssl);
    expect(clientFor({ DATABASE_URL: `${URL}?sslmode=verify-full`, DATABASE_CA_FILE: CA_FILE }).ssl).toEqual(ssl);
  });

  it('refuses a CA file that cannot be read, by the name of its variable', () => {
    expect(() => optionsFor({ DATABASE_URL: URL, DATABASE_CA_FILE: 'missing.pem' })).toThrow(
      /^DATABASE_CA_FILE cannot be read: ENOENT/,
    );
  });

  it('refuses to do without a CA with sslmode=verify-ca', () => {
    expect(() => optionsFor({ DATABASE_URL: `${URL}?sslmode=verify-ca` })).toThrow('DATABASE_CA_FILE is needed');
  });

  it('refuses to do without DATABASE_URL', () => {
    expect(() => optionsFor({})).toThrow('DATABASE_URL is not set');
  });
});
