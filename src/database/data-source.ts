import { Socket } from 'node:net';
import { DataSource } from 'typeorm';
import { entities } from '../prediction-log/entities/entities.js';
import type { DatabaseOptions } from './client-options.js';
import { FailoverClient } from './failover-client.js';
import { migrations } from './migrations/migrations.js';
import { pooledOptions } from './open-client.js';

/** Which migrations a database has seen. */
export const MIGRATIONS_TABLE = 'schema_migrations';

/** How much longer than PostgreSQL's own limit a statement may take before its connection is given up as dead. */
const GRACE_MS = 1000;

/**
 * @param options for the pool, and for its connections on top of `connection`; `isPooled` as `openClient` says
 * @returns not yet initialised
 */
export function createDataSource(
  connection: DatabaseOptions,
  { isPooled = false, ...options }: { max: number; statement_timeout?: 0; isPooled?: boolean },
): DataSource {
  const { mustTakeWrites } = connection;
  const extra = { ...connection, ...options, ...(mustTakeWrites && { Client: FailoverClient }) };
  const limitMs = extra.statement_timeout;
  const limited = {
    ...extra,
    idleTimeoutMillis: limitMs,
    idle_in_transaction_session_timeout: limitMs,
    stream: () => limitedSocket(limitMs + GRACE_MS),
  };
  const chosen = limitMs === 0 ? extra : limited;
  return new DataSource({
    type: 'postgres',
    entities,
    migrations,
    migrationsTableName: MIGRATIONS_TABLE,
    synchronize: false,
    // Statements hold clients' values.
    logging: false,
    installExtensions: false,
    extra: isPooled ? pooledOptions(chosen) : chosen,
  });
}

/**
 * Ends when nothing comes or goes for so long: PostgreSQL would have given up a statement by then, so it is the network that
 * is gone. The system itself would take a quarter of an hour to notice.
 */
function limitedSocket(silenceMs: number): Socket {
  const socket = new Socket();
  return socket.setTimeout(silenceMs, () => socket.destroy(new Error('PostgreSQL has fallen silent.')));
}
