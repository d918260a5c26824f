import { DomainError } from '../../common/errors/domain-error.js';
import type { Query } from '../../database/query.js';
import type { RecordWarning } from '../prediction-record.js';

/** How a key finds its batch. */
export interface BatchRecord {
  /** The batch's id. */
  entryId: string;
  format: number;
  /** The smallest of its rows' ids, and the largest: the primary key finds them. */
  firstId: string;
  lastId: string;
  rowCount: number;
}

/** What a batch was answered, as the log has it. */
export interface RecordedBatch {
  /** Of the text that was sent. */
  format: number;
  threshold: number;
  model: { name: string; version: string; alias: string | null; digest: string };
  /** Of each row, in the order of the request. */
  ids: string[];
  probabilities: Float32Array;
  /** Of the rows that have any, by their index. */
  warnings: Map<number, RecordWarning[]>;
}

interface Row {
  id: string;
  contextId: string;
  probability: number;
  warnings: RecordWarning[] | null;
}

const RETRY_AFTER_SECONDS = 1;

const ROWS = `
  SELECT id, context_id AS "contextId", probability, warnings FROM predictions
  WHERE id BETWEEN $1 AND $2 AND batch_id = $3 ORDER BY row_index`;

const CONTEXT = `
  SELECT threshold, model_name AS name, model_version AS version, model_alias AS alias, model_digest AS digest
  FROM scoring_contexts WHERE id = $1`;

/**
 * Reads what a batch was answered.
 *
 * @throws DomainError PREDICTION_LOG_UNAVAILABLE while some of its rows are out of sight; what `query` throws
 */
export async function readBatch(record: BatchRecord, query: Query): Promise<RecordedBatch> {
  const rows: Row[] = await query(ROWS, [record.firstId, record.lastId, record.entryId]);
  const [context] = rows.length === record.rowCount ? await query(CONTEXT, [rows[0]!.contextId]) : [];
  if (!context) throw outOfSight();
  const { threshold, ...model } = context as { threshold: number } & RecordedBatch['model'];
  const warnings: RecordedBatch['warnings'] = new Map();
  for (const [i, { warnings: found }] of rows.entries()) {
    // PostgreSQL keeps the members of an object in an order of its own.
    if (found)
      warnings.set(
        i,
        found.map(({ feature, code }) => ({ feature, code })),
      );
  }
  return {
    format: record.format,
    threshold,
    model,
    ids: rows.map(({ id }) => id),
    probabilities: Float32Array.from(rows, ({ probability }) => probability),
    warnings,
  };
}

/** A part of the log can be taken off for a while by maintenance; what is answered meanwhile must not be half of it. */
const outOfSight = () =>
  new DomainError('PREDICTION_LOG_UNAVAILABLE', {
    detail: 'The rows of the batch that this Idempotency-Key was used for cannot all be read at the moment. Try again.',
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
