import { accessSync, constants } from 'node:fs';
import type { ClientConfig } from 'pg';
import type { Config } from '../config/env.schema.js';
import { parseDatabaseUrl } from './database-url.js';

/** What a connection depends on; a command reads these alone. */
export const DATABASE_VARIABLES = [
  'DATABASE_URL',
  'DATABASE_DIRECT_URL',
  'DATABASE_CA_FILE',
  'DATABASE_STATEMENT_TIMEOUT_MS',
] as const;

export type DatabaseConfig = Config<(typeof DATABASE_VARIABLES)[number]>;

/** For the network and TLS together. Requests wait for it when PostgreSQL is silent, and are to be answered within 2 s. */
export const CONNECT_TIMEOUT_MS = 1500;

/**
 * What the log relies on: numbers with all their digits, dates that can be read without knowing where, and the warning that a
 * commit was not replicated.
 */
export const SESSION_SETTINGS = { extra_float_digits: '1', datestyle: 'ISO', client_min_messages: 'warning' } as const;

const SESSION_OPTIONS = Object.entries(SESSION_SETTINGS)
  .map(([name, value]) => `-c ${name}=${value}`)
  .join(' ');

/** What `pg` is told of a connection, and what `openClient` makes of it. */
export interface DatabaseOptions extends ClientConfig {
  /** Of the first host. */
  connectionString: string;
  /** A URL for each host. */
  hosts: readonly string[];
  /** Whether a host that takes no writes is passed over. */
  mustTakeWrites: boolean;
  /** Whether the URL has `options` of its own. */
  hasOwnOptions: boolean;
  statement_timeout: number;
}

/**
 * How every connection to PostgreSQL is made.
 *
 * @throws Error that names the variable when DATABASE_URL is missing, or DATABASE_CA_FILE is where it is needed or unreadable
 */
export function clientOptions(config: DatabaseConfig): DatabaseOptions {
  const url = config.get('DATABASE_URL', { infer: true });
  if (url === undefined) throw new Error('DATABASE_URL is not set: name a PostgreSQL database.');
  return optionsOf(url, config);
}

/**
 * The same, for what needs a session: through a connection pooler there is none.
 *
 * @throws Error as {@link clientOptions}
 */
export function directOptions(config: DatabaseConfig): DatabaseOptions {
  const url = config.get('DATABASE_DIRECT_URL', { infer: true });
  return url === undefined ? clientOptions(config) : optionsOf(url, config);
}

function optionsOf(url: string, config: DatabaseConfig): DatabaseOptions {
  const caFile = config.get('DATABASE_CA_FILE', { infer: true });
  if (caFile !== undefined) assertReadable(caFile);
  const { hosts, mustTakeWrites } = parseDatabaseUrl(url);
  const urls = hosts.map((host) => new URL(host));
  const hasOwnOptions = urls[0]!.searchParams.has('options');
  for (const each of urls) {
    const isSocket = each.searchParams.get('host')!.startsWith('/');
    complete(each.searchParams, isSocket ? undefined : caFile);
  }
  return {
    connectionString: urls[0]!.href,
    hosts: urls.map(({ href }) => href),
    mustTakeWrites,
    hasOwnOptions,
    application_name: 'credit-default-service',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: config.get('DATABASE_STATEMENT_TIMEOUT_MS', { infer: true }),
    keepAlive: true,
  };
}

function complete(parameters: URLSearchParams, caFile: string | undefined): void {
  // Without it pg takes every sslmode for verify-full, and says in a warning that this will change.
  parameters.set('uselibpqcompat', 'true');
  if (caFile !== undefined) parameters.set('sslrootcert', caFile);
  // Last, so that it also stands above what the URL and the server say: rows are hashed anew from what is read.
  parameters.set('options', `${parameters.get('options') ?? ''} ${SESSION_OPTIONS}`.trimStart());
  if (parameters.get('sslmode') === 'verify-ca' && !parameters.has('sslrootcert')) {
    throw new Error(
      'DATABASE_CA_FILE is needed with sslmode=verify-ca; verify-full also checks the name of the server.',
    );
  }
}

function assertReadable(caFile: string): void {
  try {
    accessSync(caFile, constants.R_OK);
  } catch (error) {
    throw new Error(`DATABASE_CA_FILE cannot be read: ${(error as Error).message}`, { cause: error });
  }
}
