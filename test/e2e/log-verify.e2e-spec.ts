import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { startBuiltService } from '../support/built-service.js';
import { testDatabases } from '../support/database.js';
import { fixtureModel } from '../support/fixture-models.js';
import { runCommand } from '../support/run-command.js';
import { temporaryDirectories } from '../support/temporary-directory.js';

/** `npm run log:verify` with nothing but these variables. */
const verify = (env: Record<string, string>, ...args: string[]) =>
  runCommand('prediction-log/commands/verify.cli.js', env, ...args);

const openDatabase = testDatabases();
const makeDirectory = temporaryDirectories();

/** What the service recorded of three predictions, and what it logged meanwhile. */
async function recorded() {
  const { env, client } = await openDatabase();
  const service = await startBuiltService({
    ...env,
    PREDICTION_LOG_WRITERS: '1',
    MODEL_URI: fixtureModel('lightgbm-small'),
  });
  for (let i = 0; i < 3; i++) {
    const answer = await fetch(`${service.url}/predict`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: '{"data":{"features":[40,0.5,1]}}',
    });
    expect(answer.status).toBe(200);
  }
  expect(await service.stop()).toBe(0);
  const logFile = path.join(makeDirectory(), 'service.log');
  writeFileSync(logFile, service.logs());
  return { env, client, logFile };
}

describe('npm run log:verify', () => {
  it('ends with 0 and says what was checked when all of it fits, also the heads that the service logged', async () => {
    const { env, logFile } = await recorded();
    const { exitCode, stdout, stderr } = await verify(env, '--from', '2026-01-01', '--heads', logFile);
    expect(stderr).toBe('');
    expect(stdout.split('\n')).toEqual([
      'predictions: 3 rows (0 erased) in 3 groups',
      'prediction_outcomes: 0 rows (0 erased) in 0 groups',
      'prediction_erasures: 0 rows (0 erased) in 0 groups',
      'chains: 1',
      'heads of chains that were looked for: 1',
      'All of it fits.',
      '',
    ]);
    expect(exitCode).toBe(0);
  });

  it('ends with 1 and names the place when something does not fit', async () => {
    const { env, client } = await recorded();
    const { rows } = await client.query('UPDATE predictions SET probability = 0 RETURNING id');
    const { exitCode, stdout } = await verify(env);
    expect(exitCode).toBe(1);
    for (const { id } of rows)
      expect(stdout).toContain(`DOES NOT FIT  predictions ${id} (row 0 of group ${id} (writer `);
    expect(stdout).toContain('The log is not what was recorded.');
  });

  it('finds a cut tail by the heads, and says that it cannot without', async () => {
    const { env, client, logFile } = await recorded();
    await client.query('DELETE FROM predictions WHERE group_id = (SELECT id FROM chain_groups WHERE sequence = 2)');
    await client.query('DELETE FROM chain_groups WHERE sequence = 2');
    const without = await verify(env);
    expect(without.exitCode).toBe(0);
    expect(without.stdout).toContain(
      'Not seen without --heads: whether the newest groups of a chain, or all of a chain, were removed.',
    );
    const withHeads = await verify(env, '--heads', logFile);
    expect(withHeads.exitCode).toBe(1);
    expect(withHeads.stdout).toContain('was cut off: sequence 2 was logged as its head and is missing');
  });

  it.each<[string, Record<string, string>, string[], string]>([
    ['an unknown option', {}, ['--form', '2026-01-01'], "Unknown option '--form'"],
    ['what is no time', {}, ['--from', 'yesterday'], '--from must be an ISO 8601 date, or date and time'],
    ['a heads file that is not there', {}, ['--heads', '/nonexistent/service.log'], 'ENOENT'],
    ['no key', { PREDICTION_LOG_CHAIN_KEY: '' }, [], 'PREDICTION_LOG_CHAIN_KEY is not set'],
    ['no database', { DATABASE_URL: '' }, [], 'DATABASE_URL is not set'],
    ['PostgreSQL away', { DATABASE_URL: 'postgresql://127.0.0.1:1/none' }, [], 'ECONNREFUSED'],
  ])('ends with 2 and says why with %s', async (_what, change, args, message) => {
    const { env } = await openDatabase();
    const { exitCode, stdout, stderr } = await verify({ ...env, ...change }, ...args);
    expect(exitCode).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain(`The log was not checked: `);
    expect(stderr).toContain(message);
  });
});
