import { z } from 'zod';
import type { ChainKind } from '../chain/chain-writer.js';
import { erasureHash, outcomeHash, predictionHash, subjectHash } from '../chain/row-hash.js';
import type { ErasureRow, OutcomeRow } from '../chain/row-hash.js';
import type { StoredPrediction } from '../prediction-record.js';
import { PREDICTION_COLUMNS } from '../scan/columns.js';

/** Where a row says that it belongs. */
export interface Place {
  id: string;
  groupId: string;
  groupIndex: number;
  erased: boolean;
}

/** A table whose rows are chained, and how to tell whether one of them is what was recorded. */
export interface ChainedTable<Row extends Place = Place> {
  kind: ChainKind;
  name: string;
  select: string;
  /**
   * @param format of the row's group
   * @returns what the row's group holds for it, if nobody changed it; a string that says what else is wrong
   */
  hash(row: Row, format: number): Uint8Array | string;
}

type PredictionRow = Omit<StoredPrediction, 'inputs'> &
  Place & { inputs: number[] | null; salt: Buffer | null; subjectHash: Buffer | null };

const predictions = (contexts: ReadonlySet<string>): ChainedTable<PredictionRow> => ({
  kind: 'prediction',
  name: 'predictions',
  select: `
    SELECT ${PREDICTION_COLUMNS}, salt,
      subject_hash AS "subjectHash", 
      subject_hash IS NOT NULL AND salt IS NULL AND inputs IS NULL AND reference IS NULL AS erased, group_id AS "groupId", group_index AS "groupIndex"
    FROM predictions`,
  hash(row) {
    const subject = subjectOf(row);
    if (!subject) return 'is neither whole nor erased';
    if (!warningsSchema.safeParse(row.warnings).success) return 'has warnings that the service does not write';
    if (!contexts.has(row.contextId)) return `names the scoring context ${row.contextId}, which is not there`;
    return predictionHash(row, subject);
  },
});

/** The hash covers these members; there must be no others. */
const warningsSchema = z.array(z.strictObject({ feature: z.string(), code: z.string() })).nullable();

function subjectOf({ salt, inputs, reference, subjectHash: erased }: PredictionRow): Uint8Array | undefined {
  // A null would read as 0, and rows of them as one.
  if (salt && inputs?.every((value) => typeof value === 'number') && !erased)
    return subjectHash(salt, Float32Array.from(inputs), reference);
  if (!salt && !inputs && reference === null && erased) return erased;
  return undefined;
}

const outcomes: ChainedTable<OutcomeRow & Place> = {
  kind: 'outcome',
  name: 'prediction_outcomes',
  select: `
    SELECT id, prediction_id AS "predictionId", defaulted, observed_at AS "observedAt", request_id AS "requestId", caller,
      false AS erased, group_id AS "groupId", group_index AS "groupIndex"
    FROM prediction_outcomes`,
  hash: outcomeHash,
};

const erasures: ChainedTable<ErasureRow & Place> = {
  kind: 'erasure',
  name: 'prediction_erasures',
  select: `
    SELECT id, kind, reference_hmac AS "referenceHmac", row_count AS "rowCount", request_id AS "requestId", tokens,
      false AS erased, group_id AS "groupId", group_index AS "groupIndex"
    FROM prediction_erasures`,
  hash: erasureHash,
};

/** @param contexts ids of all scoring contexts */
export const chainedTables = (contexts: ReadonlySet<string>): readonly ChainedTable[] => [
  predictions(contexts),
  outcomes,
  erasures,
];
