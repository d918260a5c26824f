import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { newId } from '../../src/common/ids/new-id.js';
import { testDatabases } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { logEntry } from '../support/log-entry.js';
import { RecordedLog } from '../support/recorded-log.js';
import { runCommand, startCommand } from '../support/run-command.js';
import { temporaryDirectories } from '../support/temporary-directory.js';

/** `npm run log:export` with nothing but these variables. */
const exportLog = (env: Record<string, string>, ...args: string[]) =>
  runCommand('prediction-log/commands/export.cli.js', env, ...args);

Logger.overrideLogger(false);

const openDatabase = testDatabases();
const makeDirectory = temporaryDirectories();

describe('npm run log:export', () => {
  it('writes the predictions of the range, needs no key, and says how many', async () => {
    const database = await openDatabase();
    const log = new RecordedLog(database);
    const entries = ['2026-10-31T23:59:59Z', '2026-11-01T00:00:00Z'].map((time) =>
      logEntry({ ids: [newId(Date.parse(time))] }),
    );
    for (const entry of entries) await log.record(entry);
    await log.close();
    const out = path.join(makeDirectory(), 'november.parquet');
    const run = await exportLog(
      { DATABASE_URL: database.url },
      '--from',
      '2026-11-01',
      '--to',
      '2026-12-01',
      '--out',
      out,
    );
    expect(run).toEqual({ exitCode: 0, stdout: `Wrote 1 predictions to ${out}.\n`, stderr: '' });
    const rows = await parquetReadObjects({ file: await asyncBufferFromFile(out) });
    expect(rows.map(({ id }) => id)).toEqual([entries[1]!.rows[0]!.id]);
  });

  it('leaves nothing behind when it is stopped', async () => {
    const { url, client } = await openDatabase();
    await client.query('BEGIN; LOCK TABLE predictions');
    const directory = makeDirectory();
    const out = path.join(directory, 'all.parquet');
    const { child, ended } = startCommand('prediction-log/commands/export.cli.js', { DATABASE_URL: url }, '--out', out);
    await eventually(() => expect(readdirSync(directory)).toHaveLength(1));
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ exitCode: 1, stderr: 'Nothing was exported: it was stopped.\n' });
    expect(readdirSync(directory)).toEqual([]);
  });

  it.each<[string, Record<string, string>, string[], string]>([
    ['no file', {}, [], '--out FILE says where to write to'],
    [
      'what is no time',
      {},
      ['--to', 'tomorrow', '--out', 'x.parquet'],
      '--to must be an ISO 8601 date, or date and time',
    ],
    ['PostgreSQL away', { DATABASE_URL: 'postgresql://127.0.0.1:1/none' }, ['--out', 'x.parquet'], 'ECONNREFUSED'],
  ])('ends with 1 and says why with %s', async (_what, env, args, message) => {
    const { exitCode, stdout, stderr } = await exportLog(env, ...args);
    expect(exitCode).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain('Nothing was exported: ');
    expect(stderr).toContain(message);
    expect(existsSync('x.parquet')).toBe(false);
  });
});
