import { Client, type ClientConfig, type Connection, DatabaseError, type QueryConfig, type QueryResult } from 'pg';
import { endsWithin } from '../../common/ends-within.js';
import { queryOn } from '../../database/query.js';
import { assertSchemaIsCurrent } from '../../database/schema-check.js';
import type { ChainGroup } from '../chain/chain-writer.js';
import type { KeyClaim } from '../idempotency/key-claims.js';
import { BindMessage } from './bind-message.js';
import type { ChainedRows, LogRow } from './chained-rows.js';
import { PreparedInsert } from './prepared-insert.js';
import {
  bindKeyedPredictions,
  bindPredictions,
  INSERT_KEYED_PREDICTIONS,
  INSERT_PREDICTIONS,
  insertContext,
} from './statements.js';

/** How much longer than PostgreSQL's own limit a statement may take before its connection is given up as dead. */
const GRACE_MS = 1000;
/** Ample for a server that answers at all. */
const END_MS = 1000;

/**
 * A connection that comes back: opened when it is needed, given up when it broke. What a broken one was doing may have
 * been done or not.
 */
export class LogConnection {
  private client: Client | undefined;
  private opening: Promise<Client> | undefined;
  private message = new BindMessage();
  private readonly contexts = new Set<string>();
  private readonly options: ClientConfig;

  constructor(options: ClientConfig) {
    const limitMs = Number(options.statement_timeout);
    this.options = {
      ...options,
      query_timeout: limitMs + GRACE_MS,
      // Were this host to vanish, PostgreSQL would keep the locks of a transaction for hours.
      idle_in_transaction_session_timeout: limitMs,
    };
  }

  get isOpen(): boolean {
    return this.client !== undefined;
  }

  /** @throws DatabaseError what PostgreSQL says; the connection goes on. Error when it cannot be had or broke. */
  query(statement: QueryConfig | string): Promise<QueryResult> {
    return this.use((client) => client.query(statement));
  }

  /**
   * Writes a group with its rows, unless they are there. One at a time.
   *
   * @param claims the keys of some of its rows; where one is taken nothing is written
   * @returns how many rows were written
   * @throws as {@link query}
   */
  insert(group: ChainGroup, rows: ChainedRows, claims: readonly KeyClaim[] = []): Promise<number> {
    return this.use((client) => {
      const insert =
        claims.length === 0
          ? new PreparedInsert(INSERT_PREDICTIONS, bindPredictions(this.message, group, rows))
          : new PreparedInsert(INSERT_KEYED_PREDICTIONS, bindKeyedPredictions(this.message, group, rows, claims));
      return client.query(insert).done;
    });
  }

  /** Makes sure that the contexts are there before rows name them. Not part of a group: a spare one does no harm. */
  async ensureContexts(rows: readonly LogRow[]): Promise<void> {
    for (const { entry } of rows) {
      if (this.isOpen && this.contexts.has(entry.context.id)) continue;
      await this.query(insertContext(entry.context));
      this.contexts.add(entry.context.id);
    }
  }

  /** Of contexts that were inserted by a transaction it is known only after its commit that they are there. */
  forgetContexts(): void {
    this.contexts.clear();
  }

  async close(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    // What the connection has not sent yet must stay as it is.
    this.message = new BindMessage();
    if (client) await end(client);
  }

  private async use<T>(action: (client: Client) => Promise<T>): Promise<T> {
    const client = this.client ?? (await this.opened());
    try {
      return await action(client);
    } catch (error) {
      if (!(error instanceof DatabaseError) || endsConnection(error)) await this.close();
      throw error;
    }
  }

  /** Who asks while it is being opened gets the same one. */
  private opened(): Promise<Client> {
    this.opening ??= this.open().finally(() => {
      this.opening = undefined;
    });
    return this.opening;
  }

  private async open(): Promise<Client> {
    // It may lead to another server, which lost what the one before had committed last.
    this.forgetContexts();
    const client = new Client(this.options);
    // Without a listener a connection that breaks while it is idle would end the process; the next query opens another.
    client.on('error', () => {
      if (this.client === client) this.client = undefined;
    });
    try {
      await client.connect();
      await assertSchemaIsCurrent(queryOn(client));
      this.client = client;
      return client;
    } catch (error) {
      await end(client);
      throw error;
    }
  }
}

/** A server that hangs never closes its side of the connection, which is what `pg` waits for. */
async function end(client: Client): Promise<void> {
  const ended = client.end().catch(() => undefined);
  if (await endsWithin(END_MS, ended)) return;
  (client as unknown as { connection: Connection }).connection.stream.destroy();
}

/** Class 57P: the server shuts down or has ended this connection; 25006: it has become a standby. */
const endsConnection = ({ code }: DatabaseError): boolean => code !== undefined && /^(57P|25006)/.test(code);

/**
 * Whether it is the rows that PostgreSQL refuses (SQLSTATE classes 22, data, and 23, integrity), so that the same again
 * would be refused again. A missing partition is none of theirs: it may be missing for a moment only.
 */
export function isRefusal(error: unknown): error is DatabaseError {
  if (!(error instanceof DatabaseError) || !/^2[23]/.test(error.code ?? '')) return false;
  const partitionIsMissing = error.code === '23514' && error.constraint === undefined;
  return !partitionIsMissing;
}
