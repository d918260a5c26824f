import { fillRandom } from '../../common/ids/random-pool.js';
import { HASH_BYTES, predictionHash, SALT_BYTES, subjectHash } from '../chain/row-hash.js';
import type { LogEntry, PredictionRow } from '../prediction-record.js';

/** A row with the entry that it belongs to. */
export interface LogRow {
  entry: LogEntry;
  row: PredictionRow;
}

/** Rows of a group, ready to be linked to a chain and written. */
export interface ChainedRows {
  /** `[n]` */
  rows: readonly LogRow[];
  /** `[n, SALT_BYTES]` */
  salts: Buffer;
  /** `[n, HASH_BYTES]` */
  hashes: Buffer;
}

export const idsOf = (rows: readonly LogRow[]): string[] => rows.map(({ row }) => row.id);

export const logRows = (entry: LogEntry): LogRow[] => entry.rows.map((row) => ({ entry, row }));

export function chainRows(rows: readonly LogRow[]): ChainedRows {
  const salts = Buffer.allocUnsafe(rows.length * SALT_BYTES);
  fillRandom(salts);
  const hashes = Buffer.allocUnsafe(rows.length * HASH_BYTES);
  for (let i = 0; i < rows.length; i++) {
    const { row } = rows[i]!;
    const subject = subjectHash(saltOf(salts, i), row.inputs, row.reference);
    hashes.set(predictionHash(fixedColumns(rows[i]!), subject), i * HASH_BYTES);
  }
  return { rows, salts, hashes };
}

export const saltOf = (salts: Buffer, index: number): Buffer =>
  salts.subarray(index * SALT_BYTES, (index + 1) * SALT_BYTES);

const fixedColumns = ({ entry, row }: LogRow) => ({
  id: row.id,
  contextId: entry.context.id,
  requestId: entry.requestId,
  traceId: entry.traceId,
  batchId: entry.batchId,
  rowIndex: row.rowIndex,
  probability: row.probability,
  prediction: row.prediction,
  warnings: row.warnings,
  caller: entry.caller,
  inferenceUs: entry.inferenceUs,
});
