import { Injectable } from '@nestjs/common';
import type { QueryConfig } from 'pg';
import { DomainError } from '../../common/errors/domain-error.js';
import { newIds } from '../../common/ids/new-id.js';
import type { ChainGroup } from '../chain/chain-writer.js';
import { outcomeHash, type OutcomeRow } from '../chain/row-hash.js';
import { timeOfId } from '../id-time.js';
import { knownIds } from '../known-ids.js';
import { PredictionLog } from '../prediction-log.js';
import type { Origin } from '../request-origin.js';
import { insertGroup } from '../writer/statements.js';
import type { ChainTransaction } from '../writer/transaction-writer.js';
import { DAY_MS, type NewOutcome } from './outcome.schemas.js';
import { linePath } from './outcome-lines.js';
import { predictionNotFound } from './prediction-records.js';

/** Records what really happened. */
@Injectable()
export class OutcomesService {
  constructor(private readonly log: PredictionLog) {}

  /**
   * Adds outcomes, all or none. None is ever replaced: a correction is a further outcome, and that with the greatest id, which
   * was recorded last, counts.
   *
   * @returns in the order in which they were given
   * @throws DomainError PREDICTION_NOT_FOUND, INVALID_REQUEST for one from before its answer, and as {@link PredictionLog.transaction}
   */
  record(outcomes: readonly NewOutcome[], { requestId, caller }: Origin): Promise<OutcomeRow[]> {
    return this.log.transaction(async (transaction) => {
      await refuseUnknown(outcomes, transaction);
      refuseEarlier(outcomes);
      const ids = newIds(outcomes.length);
      const rows = outcomes.map(({ predictionId, defaulted, observedAt }, i) => {
        return { id: ids[i]!, predictionId, defaulted, observedAt, requestId, caller };
      });
      const group = transaction.link('outcome', ids, Buffer.concat(rows.map(outcomeHash)));
      await transaction.query(insertGroup(group));
      await transaction.query(insertOutcomes(group, rows));
      return rows;
    });
  }
}

async function refuseUnknown(outcomes: readonly NewOutcome[], transaction: ChainTransaction): Promise<void> {
  const ids = outcomes.map(({ predictionId }) => predictionId);
  const known = await knownIds(ids, transaction);
  const unknown = outcomes.filter(({ predictionId }) => !known.has(predictionId));
  if (unknown.length === 0) return;
  const lines = unknown.flatMap(({ line }) => (line === undefined ? [] : [line]));
  if (lines.length === 0) throw predictionNotFound();
  throw new DomainError('PREDICTION_NOT_FOUND', {
    detail: 'Some lines name predictions that are not in the log, so nothing was recorded; `errors` says which.',
    errors: lines.map((line) => ({ path: linePath(line, 'predictionId'), message: 'is not in the log' })),
  });
}

/** Those that happened before what they are the outcome of. */
function refuseEarlier(outcomes: readonly NewOutcome[]): void {
  const earlier = outcomes.filter(({ predictionId, observedAt }) => observedAt < earliestOutcome(predictionId));
  if (earlier.length === 0) return;
  throw new DomainError('INVALID_REQUEST', {
    detail: 'An outcome cannot be from before its answer was made, so nothing was recorded; `errors` says which.',
    errors: earlier.map(({ line }) => ({
      path: line === undefined ? 'observedAt' : linePath(line, 'observedAt'),
      message: 'must not be before the day of the answer',
    })),
  });
}

/**
 * The day before that of the answer, in UTC: an outcome is often given as a date, and where an answer is made on the 21st in
 * UTC it may be the 20th.
 */
function earliestOutcome(predictionId: string): Date {
  const answeredAt = timeOfId(predictionId);
  return new Date(answeredAt - (answeredAt % DAY_MS) - DAY_MS);
}

const insertOutcomes = (group: ChainGroup, rows: readonly OutcomeRow[]): QueryConfig => ({
  name: 'insert-outcomes',
  text: `
    INSERT INTO prediction_outcomes (id, prediction_id, defaulted, observed_at, request_id, caller, group_id, group_index)
    SELECT o.id, o.prediction_id, o.defaulted, o.observed_at, o.request_id, o.caller, $1, o.position - 1
    FROM unnest($2::uuid[], $3::uuid[], $4::boolean[], $5::timestamptz[], $6::text[], $7::text[])
      WITH ORDINALITY AS o (id, prediction_id, defaulted, observed_at, request_id, caller, position)`,
  values: [
    group.id,
    rows.map(({ id }) => id),
    rows.map(({ predictionId }) => predictionId),
    rows.map(({ defaulted }) => defaulted),
    rows.map(({ observedAt }) => observedAt.toISOString()),
    rows.map(({ requestId }) => requestId),
    rows.map(({ caller }) => caller),
  ],
});
