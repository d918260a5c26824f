import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { fileWriter, parquetWriteRows } from 'hyparquet-writer';
import type { Query } from '../../database/query.js';
import type { IdRange } from '../scan/id-range.js';
import { contextsOf, exportedRows, type ExportedRow } from './exported-rows.js';
import { type ParquetColumn, parquetColumns } from './parquet-columns.js';

/**
 * Under `credit_default.format` in the file's metadata: what its columns are. A file without it is of format 1, which had
 * fewer of them.
 */
export const EXPORT_FORMAT = 2;

/** What is in memory at a time; readers skip whole groups by their statistics. */
const ROW_GROUP_ROWS = 25_000;

/**
 * Writes the predictions of a range to a Parquet file, in the order of their ids. The file appears once it is complete, and
 * its owner alone may read it. A process that exits before leaves nothing behind.
 *
 * @param query on a snapshot
 * @returns the number of rows
 */
export async function exportPredictions(query: Query, range: IdRange, file: string): Promise<number> {
  const partial = `${file}.${randomUUID()}.partial`;
  const removePartial = () => rmSync(partial, { force: true });
  process.once('exit', removePartial);
  try {
    await (await open(partial, 'wx', 0o600)).close();
    const rows = await writeParquet(query, range, partial);
    await sync(partial);
    await rename(partial, file);
    return rows;
  } finally {
    removePartial();
    process.off('exit', removePartial);
  }
}

async function writeParquet(query: Query, range: IdRange, file: string): Promise<number> {
  const contexts = await contextsOf(query, range);
  const columns = parquetColumns(contexts.values());
  let count = 0;
  async function* records() {
    for await (const row of exportedRows(query, range, contexts)) {
      count += 1;
      yield recordOf(row, columns);
    }
  }
  await parquetWriteRows({
    writer: fileWriter(file),
    rows: records(),
    columns,
    rowGroupSize: ROW_GROUP_ROWS,
    createdBy: 'credit-default-service',
    kvMetadata: [{ key: 'credit_default.format', value: String(EXPORT_FORMAT) }],
  });
  return count;
}

const recordOf = (row: ExportedRow, columns: readonly ParquetColumn[]): Record<string, unknown> =>
  Object.fromEntries(columns.map(({ name, value }) => [name, value(row)]));

async function sync(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
