import type { Query } from '../../database/query.js';
import type { ScoringContext, StoredPrediction } from '../prediction-record.js';
import { CONTEXT_COLUMNS, PREDICTION_COLUMNS } from '../scan/columns.js';
import { idPages } from '../scan/id-pages.js';
import type { IdRange } from '../scan/id-range.js';

/** A row of `predictions` with its context. */
export interface ExportedRow extends Omit<StoredPrediction, 'inputs'> {
  /** `[d]`, in the order of the context's feature names; null once erased. */
  inputs: number[] | null;
  context: ScoringContext;
}

/** The contexts that rows of the range have. */
export async function contextsOf(query: Query, { first, last }: IdRange): Promise<Map<string, ScoringContext>> {
  const contexts = await query<ScoringContext>(
    `SELECT ${CONTEXT_COLUMNS} FROM scoring_contexts AS context
     WHERE EXISTS (SELECT FROM predictions WHERE context_id = context.id AND id BETWEEN $1 AND $2)
     ORDER BY id`,
    [first, last],
  );
  return new Map(contexts.map((context) => [context.id, context]));
}

/** @throws Error when a row's context is not there, which the service does not write */
export async function* exportedRows(
  query: Query,
  range: IdRange,
  contexts: ReadonlyMap<string, ScoringContext>,
): AsyncGenerator<ExportedRow, void> {
  const scan = { select: `SELECT ${PREDICTION_COLUMNS} FROM predictions` };
  for await (const rows of idPages<Omit<ExportedRow, 'context'>>(query, scan, range)) {
    for (const row of rows) {
      const context = contexts.get(row.contextId);
      if (!context) throw new Error(`predictions ${row.id} names a scoring context that is not there: run log:verify.`);
      yield { ...row, context };
    }
  }
}
