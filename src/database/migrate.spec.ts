import { describe, expect, it } from '@jest/globals';
import { testDatabases } from '../../test/support/database.js';
import { TcpProxy } from '../../test/support/tcp-proxy.js';
import { testConfig } from '../../test/support/test-config.js';
import { addMonths } from '../prediction-log/id-time.js';
import { partitionName, PARTITIONED_TABLES } from '../prediction-log/maintenance/partitions.js';
import { clientOptions } from './client-options.js';
import { createDataSource, MIGRATIONS_TABLE } from './data-source.js';
import { migrate } from './migrate.js';
import { migrations } from './migrations/migrations.js';
import { queryOn } from './query.js';
import { assertSchemaIsCurrent } from './schema-check.js';
import { SCHEMA_LOCK } from './schema-lock.js';

/** Nothing listens on the discard port. */
const NO_SERVER = 'postgresql://127.0.0.1:9/log';

describe('migrate', () => {
  const openDatabase = testDatabases();

  it('applies every migration to an empty database, and makes the partitions around now', async () => {
    const { url, client } = await openDatabase();
    await client.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
    const { migrations: applied, partitions } = await migrate(testConfig({ DATABASE_URL: url }), 0);
    expect(applied).toEqual(migrations.map(({ name }) => name));
    const months = [-1, 0, 1, 2, 3].map((offset) => addMonths(new Date(), offset));
    expect(partitions).toEqual(
      months.flatMap((month) => PARTITIONED_TABLES.map((table) => partitionName(table, month))),
    );
    await assertSchemaIsCurrent(queryOn(client));
  });

  it('changes nothing where the schema is that of this build', async () => {
    const { url } = await openDatabase();
    expect(await migrate(testConfig({ DATABASE_URL: url }), 0)).toEqual({ migrations: [], partitions: [] });
  });

  it('may be run by many at once', async () => {
    const { url, client } = await openDatabase();
    await client.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
    const config = testConfig({ DATABASE_URL: url });
    const results = await Promise.all([1, 2, 3].map(() => migrate(config, 0)));
    expect(results.flatMap((result) => result.migrations)).toEqual(migrations.map(({ name }) => name));
  });

  it('says that it waits for who reads the whole log', async () => {
    const { url, client } = await openDatabase();
    await client.query('SELECT pg_advisory_lock_shared($1)', [SCHEMA_LOCK]);
    const waits = Promise.withResolvers<void>();
    const migrating = migrate(testConfig({ DATABASE_URL: url }), 0, waits.resolve);
    await waits.promise;
    await client.query('SELECT pg_advisory_unlock_shared($1)', [SCHEMA_LOCK]);
    expect(await migrating).toEqual({ migrations: [], partitions: [] });
  });

  it('takes down what it has put up', async () => {
    const { url, client } = await openDatabase();
    const dataSource = createDataSource(clientOptions(testConfig({ DATABASE_URL: url })), { max: 1 });
    await dataSource.initialize();
    for (const _ of migrations) await dataSource.undoLastMigration();
    await dataSource.destroy();
    const { rows } = await client.query(
      `SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')`,
    );
    expect(rows).toEqual([{ relname: MIGRATIONS_TABLE }]);
  });

  it('gives up waiting for a PostgreSQL that does not come up', async () => {
    await expect(migrate(testConfig({ DATABASE_URL: NO_SERVER }), 0)).rejects.toThrow('ECONNREFUSED');
  });

  it('waits for a PostgreSQL that comes up', async () => {
    const { url } = await openDatabase();
    const proxy = await TcpProxy.start(url);
    await proxy.setMode({ kind: 'refuse' });
    const target = new URL(url);
    target.host = new URL(proxy.url).host;
    const migrating = migrate(testConfig({ DATABASE_URL: target.href }), 20_000);
    await proxy.setMode({ kind: 'pass' });
    expect(await migrating).toEqual({ migrations: [], partitions: [] });
    await proxy.close();
  });

  it('does not wait for one that refuses the password', async () => {
    const { url } = await openDatabase();
    const target = new URL(url);
    target.password = 'another';
    await expect(migrate(testConfig({ DATABASE_URL: target.href }), 3_600_000)).rejects.toThrow(
      'password authentication failed',
    );
  });
});
