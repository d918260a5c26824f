import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { PostgresServer } from './postgres-server.ts';

const DATABASE = 'credit_default';
/** Of the advisory lock that says whose the server is. */
const OWNER_LOCK = 1;
const CONNECT_TIMEOUT_MS = 2000;
/** A server that was just killed or is just stopping makes room within these. */
const START_ATTEMPTS = 3;
const RETRY_MS = 1000;

/** Of a server that a launcher left behind and that must not be stopped. */
export class DatabaseInUseError extends Error {}

export interface DatabaseEvents {
  /** The server goes away by itself. */
  lost: (reason: string) => void;
  /** A server that nobody owned was running on the data and is taken over. */
  tookOver: () => void;
}

/** A database on a server of its own, which one launcher owns: the connection that holds the lock proves it. */
export class LocalDatabase {
  private readonly server: PostgresServer;
  /** Undefined once it is lost, or about to be closed. */
  private owner: Client | undefined;

  private constructor(server: PostgresServer, owner: Client, onLost: (reason: string) => void) {
    this.server = server;
    this.owner = owner;
    owner.on('error', (error) => {
      if (!this.owner) return;
      this.owner = undefined;
      onLost(error.message);
    });
  }

  /**
   * Starts the server on these data, which are made unless they exist; takes over one that was left running there and that
   * nobody uses.
   *
   * @throws Error when another launcher owns it, somebody uses it (DatabaseInUseError), or it does not start; the signal's reason
   */
  static async open(data: string, events: DatabaseEvents, signal: AbortSignal): Promise<LocalDatabase> {
    const server = new PostgresServer(data);
    await server.initialise(signal);
    const owner = await own(server, events, signal);
    const database = new LocalDatabase(server, owner, events.lost);
    try {
      await createDatabase(owner);
    } catch (error) {
      await database.close();
      throw error;
    }
    return database;
  }

  /** Stops the server that a launcher left running on these data, unless another one has taken it over. */
  static async closeLeftOver(data: string): Promise<void> {
    const server = new PostgresServer(data);
    const owner = await ownAgain(server);
    if (!owner) return;
    await server.stop();
    await owner.end();
  }

  get url(): string {
    return this.server.url(DATABASE)!;
  }

  /** Stops the server, unless it has gone away and has not come back, or is another launcher's by now. */
  async close(): Promise<void> {
    const owner = this.owner ?? (await ownAgain(this.server));
    this.owner = undefined;
    if (!owner) return;
    // The lock is held until then: no launcher that comes meanwhile may take over what is about to stop.
    await this.server.stop();
    await owner.end();
  }
}

async function createDatabase(client: Client): Promise<void> {
  const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [DATABASE]);
  if (rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
}

async function own(server: PostgresServer, events: DatabaseEvents, signal: AbortSignal): Promise<Client> {
  let started = false;
  for (let attempt = 1; ; attempt++) {
    const client = await connect(server);
    if (client) {
      if (await lock(client)) {
        if (!started) await takeOver(client, server, events);
        return client;
      }
      throw new Error(
        `Another "make start" is running on ${server.data}. Stop it first, or set DATABASE_URL to a PostgreSQL of yours.`,
      );
    }
    signal.throwIfAborted();
    try {
      await server.start();
      started = true;
    } catch (error) {
      if (attempt === START_ATTEMPTS) throw error;
      await delay(RETRY_MS);
    }
  }
}

/** @throws DatabaseInUseError */
async function takeOver(client: Client, server: PostgresServer, events: DatabaseEvents): Promise<void> {
  const { rows } = await client.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM pg_stat_activity
     WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`,
  );
  const { count } = rows[0]!;
  if (count === 0) return events.tookOver();
  await client.end();
  throw new DatabaseInUseError(
    `An earlier "make start" was killed and left a PostgreSQL running on ${server.data}, and ${count} connection(s) use it. ` +
      'Nothing was stopped.',
  );
}

/** @returns undefined when no server answers for these data, or another launcher owns it */
async function ownAgain(server: PostgresServer): Promise<Client | undefined> {
  const client = await connect(server);
  return client && (await lock(client)) ? client : undefined;
}

/** @returns undefined when no server answers for these data */
async function connect(server: PostgresServer): Promise<Client | undefined> {
  const url = server.url('postgres');
  if (url === undefined) return undefined;
  const client = new Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS, keepAlive: true });
  // A connection that is lost fails what is asked on it, and without this would end the process as well.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory');
    if (rows[0]!.data_directory === server.data) return client;
  } catch {
    // The lock file of a server that was killed may name a port that is now another program's, or nobody's.
  }
  await client.end().catch(() => undefined);
  return undefined;
}

/** @returns whether the lock is ours; if not, the connection is closed */
async function lock(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ ours: boolean }>('SELECT pg_try_advisory_lock($1) AS ours', [OWNER_LOCK]);
  const { ours } = rows[0]!;
  if (!ours) await client.end();
  return ours;
}
