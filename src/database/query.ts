import type { ClientBase, QueryResultRow } from 'pg';

/** Runs a statement on one connection, always the same one, and gives its rows. */
export type Query = <Row extends QueryResultRow>(sql: string, values?: unknown[]) => Promise<Row[]>;

export const queryOn =
  (client: ClientBase): Query =>
  async <Row extends QueryResultRow>(sql: string, values?: unknown[]) =>
    (await client.query<Row>(sql, values)).rows;
