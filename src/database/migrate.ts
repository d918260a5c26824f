import { setTimeout as delay } from 'node:timers/promises';
import { type Client, DatabaseError } from 'pg';
import { addMonths } from '../prediction-log/id-time.js';
import { ensurePartitions, MONTHS_AHEAD } from '../prediction-log/maintenance/partitions.js';
import { type DatabaseConfig, type DatabaseOptions, directOptions } from './client-options.js';
import { createDataSource } from './data-source.js';
import { openDirectClient, PoolerError } from './open-client.js';
import { type Query, queryOn } from './query.js';
import { SCHEMA_LOCK, trySchemaLock } from './schema-lock.js';

/** PostgreSQL 15 is the oldest that the project is tested with. */
const MIN_SERVER_VERSION = 150_000;
const RETRY_MS = 500;
/** PostgreSQL starts, stops or recovers. */
const CANNOT_CONNECT_NOW = '57P03';

export interface MigrationResult {
  /** Names of the migrations that were applied, oldest first. */
  migrations: string[];
  /** Names of the partitions that were made. */
  partitions: string[];
}

/**
 * Brings a database to the schema of this build, one migration a transaction, and makes the partitions of the months
 * around now. Any number may do so at once: they take turns.
 *
 * @param waitMs for how long to wait for PostgreSQL to come up
 * @param onWait is called when others have to end first: maintenance, a reader of the whole log, or another migration
 * @throws Error when PostgreSQL is too old, does not come up or refuses; what was applied until then stays
 */
export async function migrate(
  config: DatabaseConfig,
  waitMs: number,
  onWait: () => void = () => undefined,
): Promise<MigrationResult> {
  const client = await connect({ ...directOptions(config), statement_timeout: 0 }, waitMs);
  try {
    const query = queryOn(client);
    await assertServerVersion(query);
    await takeSchemaLock(query, onWait);
    return {
      migrations: await applyMigrations(config),
      // The month before, for what was spooled in it and arrives late.
      partitions: await ensurePartitions(query, addMonths(new Date(), -1), 1 + 1 + MONTHS_AHEAD),
    };
  } finally {
    await client.end();
  }
}

async function applyMigrations(config: DatabaseConfig): Promise<string[]> {
  const dataSource = createDataSource(directOptions(config), { max: 1, statement_timeout: 0 });
  await dataSource.initialize();
  try {
    const applied = await dataSource.runMigrations({ transaction: 'each' });
    return applied.map(({ name }) => name);
  } finally {
    await dataSource.destroy();
  }
}

async function takeSchemaLock(query: Query, onWait: () => void): Promise<void> {
  if ((await trySchemaLock(query)).isOurs) return;
  onWait();
  await query('SELECT pg_advisory_lock($1)', [SCHEMA_LOCK]);
}

async function connect(options: DatabaseOptions, waitMs: number): Promise<Client> {
  const giveUpAt = performance.now() + waitMs;
  for (;;) {
    try {
      return await openDirectClient(options);
    } catch (error) {
      if (isRefusal(error) || performance.now() > giveUpAt) throw error;
      await delay(RETRY_MS);
    }
  }
}

/** Whether PostgreSQL is there and says no, such as to the password: waiting does not help. */
const isRefusal = (error: unknown): boolean =>
  error instanceof PoolerError || (error instanceof DatabaseError && error.code !== CANNOT_CONNECT_NOW);

async function assertServerVersion(query: Query): Promise<void> {
  const [row] = await query<{ number: string; text: string }>(
    `SELECT current_setting('server_version_num') AS number, current_setting('server_version') AS text`,
  );
  if (Number(row!.number) < MIN_SERVER_VERSION) {
    throw new Error(`This is PostgreSQL ${row!.text}; the prediction log needs 15 or later.`);
  }
}
