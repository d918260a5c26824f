import { readFileSync } from 'node:fs';
import type { Client } from 'pg';
import { clientOptions } from '../../src/database/client-options.js';
import { createDataSource } from '../../src/database/data-source.js';
import type { TestDatabase } from './database.js';
import { testConfig } from './test-config.js';

interface Line {
  table: string;
  row: Record<string, unknown>;
}

/** The log that the release 0.1.0 wrote, whose last migration was `IdempotencyRoute1764300000000`. */
export const releaseLog: readonly Line[] = readFileSync('test/fixtures/logs/release-0.1.0/log.jsonl', 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Line);

const LAST_MIGRATION = 'IdempotencyRoute1764300000000';

/** Takes an empty database back to the schema of that release. */
export async function toReleaseSchema({ env }: TestDatabase): Promise<void> {
  const source = createDataSource(clientOptions(testConfig(env)), { max: 1, statement_timeout: 0 });
  await source.initialize();
  try {
    for (;;) {
      const [newest] = await source.query<{ name: string }[]>(
        'SELECT name FROM schema_migrations ORDER BY id DESC LIMIT 1',
      );
      if (newest!.name === LAST_MIGRATION) return;
      await source.undoLastMigration({ transaction: 'each' });
    }
  } finally {
    await source.destroy();
  }
}

/** Writes lines as that release does: with the columns that it knew, whatever the schema has besides. */
export async function insertLines(lines: readonly Line[], client: Client): Promise<void> {
  for (const { table, row } of lines) {
    const columns = Object.keys(row).join(', ');
    await client.query(
      `INSERT INTO ${table} (${columns}) SELECT ${columns} FROM jsonb_populate_record(NULL::${table}, $1)`,
      [JSON.stringify(row)],
    );
  }
}
