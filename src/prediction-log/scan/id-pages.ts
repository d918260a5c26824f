import type { QueryResultRow } from 'pg';
import type { Query } from '../../database/query.js';
import type { IdRange } from './id-range.js';

/** What to read: `select` is a SELECT without WHERE that has a column `id`. */
export interface Scan {
  select: string;
  /** What must hold beside the range; its parameters are numbered from $4. */
  condition?: string;
  parameters?: readonly unknown[];
  pageRows?: number;
}

const PAGE_ROWS = 5000;

/**
 * Reads rows in the order of their ids, page by page. The next page is on its way while one is worked on; no more than these
 * two are in memory.
 */
export async function* idPages<Row extends QueryResultRow & { id: string }>(
  query: Query,
  { select, condition = 'true', parameters = [], pageRows = PAGE_ROWS }: Scan,
  { first, last }: IdRange,
): AsyncGenerator<Row[], void> {
  const sql = `${select} WHERE id >= $1 AND id <= $2 AND id IS DISTINCT FROM $3 AND ${condition} ORDER BY id LIMIT ${pageRows}`;
  const read = (after?: string) => query<Row>(sql, [after ?? first, last, after ?? null, ...parameters]);
  let page = await read();
  while (page.length === pageRows) {
    const next = read(page.at(-1)!.id);
    // Whoever stops before the end does not wait for this page.
    next.catch(() => undefined);
    yield page;
    page = await next;
  }
  if (page.length > 0) yield page;
}
