import { Client, type ClientConfig, type Connection, DatabaseError, type QueryConfig } from 'pg';
import { endsWithin } from '../common/ends-within.js';
import { CONNECT_TIMEOUT_MS, type DatabaseOptions, SESSION_SETTINGS } from './client-options.js';

/** Ample for a server that answers at all. */
const END_MS = 1000;
const PROTOCOL_VIOLATION = '08P01';
/** What a client can say of its session when it connects, and PgBouncer by default does not let through. */
const STARTUP_PARAMETERS = ['options', 'statement_timeout', 'idle_in_transaction_session_timeout', 'lock_timeout'];

export interface OpenClient {
  client: Client;
  /** Whether a connection pooler is in between, so that one statement and the next may go by different sessions. */
  isPooled: boolean;
}

/** The host is there and takes no writes. */
export class ReadOnlyHostError extends Error {
  override readonly name = ReadOnlyHostError.name;
}

/** DATABASE_URL leads through a connection pooler in a way that the log cannot do with. Only a person can put it right. */
export class PoolerError extends Error {
  override readonly name = PoolerError.name;
}

/**
 * Connects to the host that is there; of several, to the first to say that it takes writes: one that is away must not hold up
 * the others.
 *
 * @throws DatabaseError when PostgreSQL refuses; ReadOnlyHostError; PoolerError; Error when nobody answers
 */
export async function openClient(options: DatabaseOptions): Promise<OpenClient> {
  const attempts = options.hosts.map((host) => openHost(host, options));
  if (attempts.length === 1) return attempts[0]!;
  let first: OpenClient;
  try {
    first = await Promise.any(attempts);
  } catch (error) {
    throw reasonOf((error as AggregateError).errors as Error[]);
  }
  for (const attempt of attempts) {
    attempt.then(
      (other) => (other === first ? undefined : endClient(other.client)),
      () => undefined,
    );
  }
  return first;
}

/**
 * The same, for what needs a session of its own.
 *
 * @param options as `directOptions`
 * @throws as {@link openClient}; PoolerError when they lead through a pooler
 */
export async function openDirectClient(options: DatabaseOptions): Promise<Client> {
  const { client, isPooled } = await openClient(options);
  if (!isPooled) return client;
  await endClient(client);
  throw new PoolerError(
    'A connection pooler such as PgBouncer is between here and PostgreSQL, and this needs a session of its own: set ' +
      'DATABASE_DIRECT_URL to PostgreSQL itself.',
  );
}

/** A server that hangs never closes its side of the connection, which is what `pg` waits for. */
export async function endClient(client: Client): Promise<void> {
  const ended = client.end().catch(() => undefined);
  if (await endsWithin(END_MS, ended)) return;
  (client as unknown as { connection: Connection }).connection.stream.destroy();
}

/** Options for what a pooler lets through. */
export function pooledOptions<T extends ClientConfig>(options: T): T {
  const url = new URL(options.connectionString!);
  const pooled = { ...options };
  for (const name of STARTUP_PARAMETERS) {
    url.searchParams.delete(name);
    delete (pooled as Record<string, unknown>)[name];
  }
  return { ...pooled, connectionString: url.href };
}

async function openHost(host: string, options: DatabaseOptions): Promise<OpenClient> {
  const ofHost = { ...options, connectionString: host };
  try {
    return await assertUsable(await connect(ofHost), false, options);
  } catch (error) {
    if (!isRefusedParameter(error)) throw error;
    return assertUsable(await connect(pooledOptions(ofHost)), true, options);
  }
}

async function connect(options: ClientConfig): Promise<Client> {
  const client = new Client(options);
  // A connection that breaks also fails the statement that is waiting for it; without a listener the process would end.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return client;
  } catch (error) {
    await endClient(client);
    throw error;
  }
}

/** PgBouncer says so of the first setting that it does not let through. */
const isRefusedParameter = (error: unknown): boolean =>
  error instanceof DatabaseError && error.code === PROTOCOL_VIOLATION && /startup parameter/.test(error.message);

interface Session {
  backend: number;
  isReadOnly: boolean;
  digits: string;
  dateStyle: string;
  minMessages: string;
}

const SESSION = `SELECT pg_backend_pid() AS backend, current_setting('transaction_read_only')::boolean AS "isReadOnly",
  current_setting('extra_float_digits') AS digits, current_setting('datestyle') AS "dateStyle",
  current_setting('client_min_messages') AS "minMessages"`;

async function assertUsable(client: Client, isKnownAsPooled: boolean, options: DatabaseOptions): Promise<OpenClient> {
  try {
    const { rows } = await client.query<Session>({ text: SESSION, query_timeout: CONNECT_TIMEOUT_MS } as QueryConfig);
    const session = rows[0]!;
    if (options.mustTakeWrites && session.isReadOnly) throw new ReadOnlyHostError(`${client.host} takes no writes`);
    // A pooler that takes the parameters and drops them has other process numbers than the sessions behind it.
    const { processID } = client as unknown as { processID: number };
    const isPooled = isKnownAsPooled || session.backend !== processID;
    if (isPooled) assertPoolable(session, options);
    return { client, isPooled };
  } catch (error) {
    await endClient(client);
    throw error;
  }
}

/** What cannot be said through a pooler must hold without it. */
function assertPoolable({ digits, dateStyle, minMessages }: Session, { hasOwnOptions }: DatabaseOptions): void {
  if (hasOwnOptions) {
    throw new PoolerError(
      'DATABASE_URL leads through a connection pooler, which does not let its parameter "options" through: leave it out, ' +
        'and set what it sets by ALTER ROLE … SET.',
    );
  }
  const { extra_float_digits, datestyle, client_min_messages } = SESSION_SETTINGS;
  if (Number(digits) >= Number(extra_float_digits) && dateStyle.startsWith(datestyle) && minMessages !== 'error')
    return;
  throw new PoolerError(
    'DATABASE_URL leads through a connection pooler to a PostgreSQL that would not show numbers, dates or warnings as the ' +
      `log needs them. For the user of DATABASE_URL set: ALTER ROLE … SET extra_float_digits = ${extra_float_digits}; ` +
      `ALTER ROLE … SET datestyle = ${datestyle}; ALTER ROLE … SET client_min_messages = ${client_min_messages}.`,
  );
}

/** Of several hosts: what PostgreSQL itself says tells more than that another one is away. */
function reasonOf(errors: readonly Error[]): Error {
  const refusal = errors.find((error) => error instanceof DatabaseError || error instanceof PoolerError);
  if (refusal) return refusal;
  const message = `None of the hosts takes writes: ${errors.map((error) => error.message).join('; ')}.`;
  const isReadOnly = errors.some((error) => error instanceof ReadOnlyHostError);
  return isReadOnly ? new ReadOnlyHostError(message) : new Error(message);
}
