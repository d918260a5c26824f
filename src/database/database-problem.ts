import { DatabaseError } from 'pg';
import { PoolerError, ReadOnlyHostError } from './open-client.js';
import { SchemaTooOldError } from './schema-check.js';

/** What can be wrong with the database of the prediction log. A closed set: it is a label of a metric. */
export const DATABASE_PROBLEMS = [
  'unreachable',
  'login',
  'connections',
  'pooler',
  'schema',
  'read_only',
  'not_granted',
  'disk_full',
  'write_refused',
] as const;

export type DatabaseProblem = (typeof DATABASE_PROBLEMS)[number];

/** What a person is told. */
export const PROBLEM_MESSAGES: Readonly<Record<DatabaseProblem, string>> = {
  unreachable: 'PostgreSQL does not answer.',
  login: 'PostgreSQL answers and refuses the user, the password or the database of DATABASE_URL.',
  connections: 'PostgreSQL answers and has no connection left for the service.',
  pooler: 'DATABASE_URL leads through a connection pooler in a way that the log cannot do with.',
  schema: 'The tables are missing or older than this build: run "npm run migration:run".',
  read_only: 'PostgreSQL takes no writes: it is a standby, or default_transaction_read_only is on.',
  not_granted: 'The user of DATABASE_URL lacks a right that answers need.',
  disk_full: 'PostgreSQL has no room left on its disk.',
  write_refused: 'PostgreSQL refuses what is to be recorded; the log of the service has its SQLSTATE.',
};

/** By SQLSTATE, or the beginning of one. */
const BY_SQLSTATE: readonly [string, DatabaseProblem][] = [
  ['08', 'unreachable'],
  // It starts, stops or recovers.
  ['57P', 'unreachable'],
  ['28', 'login'],
  ['3D000', 'login'],
  ['53300', 'connections'],
  ['42P01', 'schema'],
  ['25006', 'read_only'],
  ['42501', 'not_granted'],
  ['53100', 'disk_full'],
];

/** @param error what a connection, or a statement on it, failed with */
export function problemOf(error: unknown): DatabaseProblem {
  if (error instanceof SchemaTooOldError) return 'schema';
  if (error instanceof PoolerError) return 'pooler';
  if (error instanceof ReadOnlyHostError) return 'read_only';
  if (!(error instanceof DatabaseError)) return 'unreachable';
  const { code = '' } = error;
  return BY_SQLSTATE.find(([state]) => code.startsWith(state))?.[1] ?? 'write_refused';
}
