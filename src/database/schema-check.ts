import { MIGRATIONS_TABLE } from './data-source.js';
import { migrations } from './migrations/migrations.js';
import type { Query } from './query.js';

const UNDEFINED_TABLE = '42P01';

/** The database lacks a migration that this build relies on. Only a person can put it right. */
export class SchemaTooOldError extends Error {
  constructor(missing: readonly string[]) {
    super(
      `The schema of the database is older than this build: ${missing.join(', ')} not applied. Run ` +
        '"npm run migration:run" for the same database, as the owner of its tables, before the service starts.',
    );
    this.name = SchemaTooOldError.name;
  }
}

/**
 * A newer schema is fine: each migration works with the release before it.
 *
 * @throws SchemaTooOldError
 */
export async function assertSchemaIsCurrent(query: Query): Promise<void> {
  const applied = new Set(await appliedMigrations(query));
  const missing = migrations.map(({ name }) => name).filter((name) => !applied.has(name));
  if (missing.length > 0) throw new SchemaTooOldError(missing);
}

async function appliedMigrations(query: Query): Promise<string[]> {
  try {
    const rows = await query<{ name: string }>(`SELECT name FROM ${MIGRATIONS_TABLE}`);
    return rows.map(({ name }) => name);
  } catch (error) {
    if ((error as { code?: string }).code === UNDEFINED_TABLE) return [];
    throw error;
  }
}
