import { type Client, DatabaseError, type QueryConfig, type QueryResult } from 'pg';
import { type DatabaseOptions, SESSION_SETTINGS } from '../../database/client-options.js';
import { endClient, openClient } from '../../database/open-client.js';
import { queryOn } from '../../database/query.js';
import { isUnreplicated, REPLICATE, UnreplicatedCommitError } from '../../database/replication.js';
import { assertSchemaIsCurrent } from '../../database/schema-check.js';
import type { ChainGroup } from '../chain/chain-writer.js';
import type { KeyClaim } from '../idempotency/key-claims.js';
import { BindMessage } from './bind-message.js';
import type { ChainedRows, LogRow } from './chained-rows.js';
import { PreparedInsert } from './prepared-insert.js';
import { bindPredictions, INSERT_KEYED_PREDICTIONS, INSERT_PREDICTIONS, insertContext } from './statements.js';

/** How much longer than PostgreSQL's own limit a statement may take before its connection is given up as dead. */
const GRACE_MS = 1000;

/**
 * A connection that comes back: opened when it is needed, given up when it broke. What a broken one was doing may have
 * been done or not.
 */
export class LogConnection {
  private client: Client | undefined;
  private opening: Promise<Client> | undefined;
  private message = new BindMessage();
  private readonly contexts = new Set<string>();
  private readonly options: DatabaseOptions;
  /** Whether statements go by whichever session a pooler has free: none stays prepared, and no setting set. */
  private isPooled = false;
  private commitWasUnreplicated = false;

  constructor(options: DatabaseOptions) {
    const limitMs = options.statement_timeout;
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
    return this.use((client) => client.query(this.isPooled ? withoutName(statement) : statement));
  }

  /**
   * Begins a transaction.
   *
   * @throws as {@link query}
   */
  begin(): Promise<QueryResult> {
    return this.use((client) => client.query(this.isPooled ? this.pooledBegin : 'BEGIN'));
  }

  /**
   * Writes a group with its rows, unless they are there. One at a time.
   *
   * @param claims the keys of some of its rows; where one is taken nothing is written
   * @returns how many rows were written
   * @throws as {@link query}
   */
  async insert(group: ChainGroup, rows: ChainedRows, claims: readonly KeyClaim[] = []): Promise<number> {
    const written = await this.use((client) => {
      const insert = claims.length === 0 ? INSERT_PREDICTIONS : INSERT_KEYED_PREDICTIONS;
      const statement = this.isPooled ? { ...insert, name: '' } : insert;
      const bound = bindPredictions(this.message, statement, group, rows, claims);
      return client.query(new PreparedInsert(statement, bound)).done;
    });
    // What was there already may be there alone, on no standby yet, and writing nothing waits for none.
    if (written < rows.rows.length) await this.query(REPLICATE);
    return written;
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
    if (client) await endClient(client);
  }

  /** What a session of one's own has from the start, for this transaction. */
  private get pooledBegin(): string {
    const { statement_timeout, idle_in_transaction_session_timeout } = this.options;
    const settings = { ...SESSION_SETTINGS, statement_timeout, idle_in_transaction_session_timeout };
    return ['BEGIN', ...Object.entries(settings).map(([name, value]) => `SET LOCAL ${name} = ${value}`)].join('; ');
  }

  private async use<T>(action: (client: Client) => Promise<T>): Promise<T> {
    const client = this.client ?? (await this.opened());
    try {
      const result = await action(client);
      if (this.commitWasUnreplicated) throw new UnreplicatedCommitError();
      return result;
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
    this.commitWasUnreplicated = false;
    const { client, isPooled } = await openClient(this.options);
    this.isPooled = isPooled;
    // The next query opens another.
    client.on('error', () => {
      if (this.client === client) this.client = undefined;
    });
    client.on('notice', (notice) => {
      if (isUnreplicated(notice)) this.commitWasUnreplicated = true;
    });
    try {
      await assertSchemaIsCurrent(queryOn(client));
      this.client = client;
      return client;
    } catch (error) {
      await endClient(client);
      throw error;
    }
  }
}

const withoutName = (statement: QueryConfig | string) =>
  typeof statement === 'string' ? statement : { ...statement, name: '' };

/** Class 57P: the server shuts down or has ended this connection; 08: a pooler has lost it; 25006: it has become a standby. */
const endsConnection = ({ code }: DatabaseError): boolean => code !== undefined && /^(57P|08|25006)/.test(code);

/**
 * Whether it is the rows that PostgreSQL refuses (SQLSTATE classes 22, data, and 23, integrity), so that the same again
 * would be refused again. A missing partition is none of theirs: it may be missing for a moment only.
 */
export function isRefusal(error: unknown): error is DatabaseError {
  if (!(error instanceof DatabaseError) || !/^2[23]/.test(error.code ?? '')) return false;
  const partitionIsMissing = error.code === '23514' && error.constraint === undefined;
  return !partitionIsMissing;
}
