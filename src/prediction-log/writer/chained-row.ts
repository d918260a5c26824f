import { randomBytes16 } from '../../common/ids/random-pool.js';
import { predictionHash, subjectHash } from '../chain/row-hash.js';
import type { LogEntry, PredictionRow } from '../prediction-record.js';

/** A row that is ready to be chained and written. */
export interface ChainedRow {
  id: string;
  entry: LogEntry;
  row: PredictionRow;
  salt: Buffer;
  hash: Buffer;
}

export function chainedRow(entry: LogEntry, row: PredictionRow): ChainedRow {
  const salt = randomBytes16();
  const columns = {
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
  };
  return { id: row.id, entry, row, salt, hash: predictionHash(columns, subjectHash(salt, row.inputs, row.reference)) };
}
