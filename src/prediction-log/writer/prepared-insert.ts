import type { Connection, DatabaseError, Submittable } from 'pg';

/** What `pg` has and its types do not tell. */
interface PgConnection extends Pick<Connection, 'stream'> {
  /** The text of each statement that this connection has prepared, by its name. */
  parsedStatements: Record<string, string | undefined>;
  parse(statement: { name: string; text: string }): void;
}

/**
 * Runs a prepared INSERT through a client of `pg` in its turn: the same as a query of its own, without what that does for
 * results, which an INSERT has none of. The client tells it what comes by the `handle…` methods.
 */
export class PreparedInsert implements Submittable {
  /** Where the client notes what this connection has prepared. */
  readonly name: string;
  readonly text: string;
  /** How many rows were written. */
  readonly done: Promise<number>;
  /** The client puts its own time limit around this. */
  callback!: (error: Error | null, rowCount?: number) => void;
  private rowCount = 0;

  /** @param message as `BindMessage` makes it, for the statement of this name */
  constructor(
    { name, text }: { name: string; text: string },
    private readonly message: Buffer,
  ) {
    this.name = name;
    this.text = text;
    this.done = new Promise((resolve, reject) => {
      this.callback = (error, rowCount = 0) => (error ? reject(error) : resolve(rowCount));
    });
  }

  submit(connection: Connection): void {
    const { name, text, message } = this;
    const pg = connection as unknown as PgConnection;
    if (pg.parsedStatements[name] === undefined) pg.parse({ name, text });
    pg.stream.write(message);
  }

  handleCommandComplete({ text }: { text: string }): void {
    this.rowCount = Number(text.slice(text.lastIndexOf(' ')));
  }

  handleError(error: Error | DatabaseError): void {
    this.callback(error);
  }

  handleReadyForQuery(): void {
    this.callback(null, this.rowCount);
  }
}
