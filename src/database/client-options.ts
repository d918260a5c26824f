import { accessSync, constants } from 'node:fs';
import type { ClientConfig } from 'pg';
import type { Config } from '../config/env.schema.js';

/** What a connection depends on; a command reads these alone. */
export const DATABASE_VARIABLES = ['DATABASE_URL', 'DATABASE_CA_FILE', 'DATABASE_STATEMENT_TIMEOUT_MS'] as const;

/** For the network and TLS together. Requests wait for it when PostgreSQL is silent, and are to be answered within 2 s. */
const CONNECT_TIMEOUT_MS = 1500;

/** Numbers with all their digits, and dates that can be read without knowing where. */
const TEXT_FORMS = '-c extra_float_digits=1 -c datestyle=ISO';

/**
 * How every connection to PostgreSQL is made.
 *
 * @throws Error that names the variable when DATABASE_URL is missing, or DATABASE_CA_FILE is where it is needed or unreadable
 */
export function clientOptions(config: Config<(typeof DATABASE_VARIABLES)[number]>): ClientConfig {
  const databaseUrl = config.get('DATABASE_URL', { infer: true });
  if (databaseUrl === undefined) throw new Error('DATABASE_URL is not set: name a PostgreSQL database.');
  const url = new URL(databaseUrl);
  // Without it pg takes every sslmode for verify-full, and says in a warning that this will change.
  url.searchParams.set('uselibpqcompat', 'true');
  const caFile = config.get('DATABASE_CA_FILE', { infer: true });
  if (caFile !== undefined) url.searchParams.set('sslrootcert', readable(caFile));
  // Last, so that it also stands above what the URL and the server say: rows are hashed anew from what is read.
  url.searchParams.set('options', `${url.searchParams.get('options') ?? ''} ${TEXT_FORMS}`.trimStart());
  if (url.searchParams.get('sslmode') === 'verify-ca' && !url.searchParams.has('sslrootcert')) {
    throw new Error(
      'DATABASE_CA_FILE is needed with sslmode=verify-ca; verify-full also checks the name of the server.',
    );
  }
  return {
    connectionString: url.href,
    application_name: 'credit-default-service',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: config.get('DATABASE_STATEMENT_TIMEOUT_MS', { infer: true }),
    keepAlive: true,
  };
}

function readable(caFile: string): string {
  try {
    accessSync(caFile, constants.R_OK);
  } catch (error) {
    throw new Error(`DATABASE_CA_FILE cannot be read: ${(error as Error).message}`, { cause: error });
  }
  return caFile;
}
