import { Socket } from 'node:net';
import { DataSource } from 'typeorm';
import type { Config } from '../config/env.schema.js';
import { entities } from '../prediction-log/entities/entities.js';
import { clientOptions, DATABASE_VARIABLES } from './client-options.js';
import { migrations } from './migrations/migrations.js';

/** Which migrations a database has seen. */
export const MIGRATIONS_TABLE = 'schema_migrations';

/** How much longer than PostgreSQL's own limit a statement may take before its connection is given up as dead. */
const GRACE_MS = 1000;

/**
 * @param options for the pool, and for its connections on top of `clientOptions`
 * @returns not yet initialised
 */
export function createDataSource(
  config: Config<(typeof DATABASE_VARIABLES)[number]>,
  options: { max: number; statement_timeout?: 0 },
): DataSource {
  const extra = { ...clientOptions(config), ...options };
  const limitMs = Number(extra.statement_timeout);
  return new DataSource({
    type: 'postgres',
    entities,
    migrations,
    migrationsTableName: MIGRATIONS_TABLE,
    synchronize: false,
    // Statements hold clients' values.
    logging: false,
    installExtensions: false,
    extra:
      limitMs === 0
        ? extra
        : {
            ...extra,
            idleTimeoutMillis: limitMs,
            idle_in_transaction_session_timeout: limitMs,
            stream: () => limitedSocket(limitMs + GRACE_MS),
          },
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
