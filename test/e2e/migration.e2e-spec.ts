import { describe, expect, it } from '@jest/globals';
import { MIGRATIONS_TABLE } from '../../src/database/data-source.js';
import { migrations } from '../../src/database/migrations/migrations.js';
import { runBuiltService } from '../support/built-service.js';
import { testDatabases } from '../support/database.js';
import { fixtureModel } from '../support/fixture-models.js';
import { runCommand } from '../support/run-command.js';

const migrationRun = (env: Record<string, string>) => runCommand('database/migrate.cli.js', env);
const openDatabase = testDatabases();

describe('npm run migration:run', () => {
  it('says what it did, and needs nothing but DATABASE_URL', async () => {
    const { url, client } = await openDatabase();
    await client.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
    const { exitCode, stdout } = await migrationRun({ DATABASE_URL: url });
    expect(exitCode).toBe(0);
    const applied = migrations.map(({ name }) => `applied ${name}\n`).join('');
    expect(stdout).toMatch(new RegExp(`^${applied}made partition predictions_\\d{4}_\\d\\d\n`));
    expect(await migrationRun({ DATABASE_URL: url })).toEqual({
      exitCode: 0,
      stdout: 'The schema of the database is that of this build.\n',
      stderr: '',
    });
  });

  it('fails with one line that says why', async () => {
    const { url } = await openDatabase();
    const missing = new URL(url);
    missing.pathname = '/no_such_database';
    const unreadable = { DATABASE_URL: url, DATABASE_CA_FILE: 'missing.pem' };
    for (const [env, reason] of [
      [{}, /^The database was not migrated: DATABASE_URL is not set.+\n$/],
      [{ DATABASE_URL: 'mysql://db/log' }, /^The database was not migrated: .*DATABASE_URL: must be a postgresql.+\n$/],
      [{ DATABASE_URL: missing.href }, /^The database was not migrated: database "no_such_database" does not exist\n$/],
      [unreadable, /^The database was not migrated: DATABASE_CA_FILE cannot be read.+\n$/],
    ] as [Record<string, string>, RegExp][]) {
      expect(await migrationRun(env)).toEqual({ exitCode: 1, stdout: '', stderr: expect.stringMatching(reason) });
    }
  });
});

describe('A schema that is older than the build', () => {
  it('stops the start of the service, and the last line says what to run', async () => {
    const { env, client } = await openDatabase();
    await client.query(`DELETE FROM ${MIGRATIONS_TABLE} WHERE name = '${migrations.at(-1)!.name}'`);
    const { exitCode, output } = await runBuiltService({ ...env, MODEL_URI: fixtureModel('single-column') });
    expect(exitCode).toBe(1);
    expect(output).toMatch(/The service did not start: The schema .+ is older than this build.+npm run migration:run/);
  });
});
