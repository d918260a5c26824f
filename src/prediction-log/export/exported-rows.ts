import type { Query } from '../../database/query.js';
import type { ScoringContext, StoredPrediction } from '../prediction-record.js';
import { CONTEXT_COLUMNS, PREDICTION_COLUMNS } from '../scan/columns.js';
import { idPages } from '../scan/id-pages.js';
import type { IdRange } from '../scan/id-range.js';

/** What counts of the outcomes of a prediction: the one that was recorded last. */
export interface LastOutcome {
  predictionId: string;
  /** UUID v7: its time is when it was recorded. */
  id: string;
  defaulted: boolean;
  observedAt: Date;
  /** How many there are, with those that were recorded before it. */
  count: number;
}

/** A row of `predictions` with its context. */
export interface ExportedRow extends Omit<StoredPrediction, 'inputs'> {
  /** `[d]`, in the order of the context's feature names; null once erased. */
  inputs: number[] | null;
  context: ScoringContext;
  outcome: LastOutcome | undefined;
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
  for await (const rows of idPages<Omit<ExportedRow, 'context' | 'outcome'>>(query, scan, range)) {
    const outcomes = await lastOutcomes(query, { first: rows[0]!.id, last: rows.at(-1)!.id });
    for (const row of rows) {
      const context = contexts.get(row.contextId);
      if (!context) throw new Error(`predictions ${row.id} names a scoring context that is not there: run log:verify.`);
      yield { ...row, context, outcome: outcomes.get(row.id) };
    }
  }
}

/** By prediction. Of each month that outcomes were recorded in, this reads one piece of the index. */
async function lastOutcomes(query: Query, { first, last }: IdRange): Promise<Map<string, LastOutcome>> {
  const outcomes = await query<LastOutcome>(
    `SELECT DISTINCT ON (prediction_id) prediction_id AS "predictionId", id, defaulted, observed_at AS "observedAt",
       (count(*) OVER (PARTITION BY prediction_id))::int AS count
     FROM prediction_outcomes WHERE prediction_id BETWEEN $1 AND $2 ORDER BY prediction_id, id DESC`,
    [first, last],
  );
  return new Map(outcomes.map((outcome) => [outcome.predictionId, outcome]));
}
