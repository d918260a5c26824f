import { describe, expect, it } from '@jest/globals';
import { testDatabases } from '../../test/support/database.js';
import { MIGRATIONS_TABLE } from './data-source.js';
import { migrations } from './migrations/migrations.js';
import { queryOn } from './query.js';
import { assertSchemaIsCurrent, SchemaTooOldError } from './schema-check.js';

const newest = migrations.at(-1)!.name;

describe('assertSchemaIsCurrent', () => {
  const openDatabase = testDatabases();

  it('accepts the schema of this build, and a newer one', async () => {
    const { client } = await openDatabase();
    await assertSchemaIsCurrent(queryOn(client));
    await client.query(
      `INSERT INTO ${MIGRATIONS_TABLE} (timestamp, name) VALUES (9999999999999, 'Later9999999999999')`,
    );
    await expect(assertSchemaIsCurrent(queryOn(client))).resolves.toBeUndefined();
  });

  it('refuses a schema that lacks a migration, and says what to run', async () => {
    const { client } = await openDatabase();
    await client.query(`DELETE FROM ${MIGRATIONS_TABLE} WHERE name = $1`, [newest]);
    const check = assertSchemaIsCurrent(queryOn(client));
    await expect(check).rejects.toThrow(SchemaTooOldError);
    await expect(check).rejects.toThrow(new RegExp(`${newest} not applied. Run "npm run migration:run"`));
  });

  it('refuses a database that was never migrated', async () => {
    const { client } = await openDatabase();
    await client.query(`DROP TABLE ${MIGRATIONS_TABLE}`);
    await expect(assertSchemaIsCurrent(queryOn(client))).rejects.toThrow(SchemaTooOldError);
  });
});
