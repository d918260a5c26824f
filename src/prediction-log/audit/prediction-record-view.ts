import type { DefaultClass } from '../../model-registry/default-class.js';
import type { ChainGroupEntity } from '../entities/chain-group.entity.js';
import type { PredictionEntity } from '../entities/prediction.entity.js';
import type { PredictionOutcomeEntity } from '../entities/prediction-outcome.entity.js';
import type { ScoringContextEntity } from '../entities/scoring-context.entity.js';
import { timeOfId } from '../id-time.js';
import type { Outcome, PredictionRecord } from './record.schemas.js';

type ChainPlace = Pick<ChainGroupEntity, 'writer' | 'sequence'>;

/**
 * A row of the log as the API shows it.
 *
 * @param group undefined when it is missing
 * @param outcomes oldest first
 * @throws Error when the row's context is missing, which only happens when somebody removed it
 */
export function predictionRecord(
  row: PredictionEntity,
  context: ScoringContextEntity | undefined,
  group: ChainPlace | undefined,
  outcomes: readonly PredictionOutcomeEntity[],
): PredictionRecord {
  if (!context) throw new Error(`Scoring context ${row.contextId} of prediction ${row.id} is missing: run log:verify.`);
  return {
    id: row.id,
    predictedAt: isoTimeOf(row.id),
    reference: row.reference,
    inputs: row.inputs && inputsByName(context.featureNames, row.inputs),
    // As it was answered: PostgreSQL gives the shortest decimal that is this float32, the answer had all of its digits.
    probability: Math.fround(row.probability),
    prediction: row.prediction,
    threshold: context.threshold,
    model: modelOf(context),
    defaultClass: defaultClassOf(context),
    warnings: row.warnings,
    requestId: row.requestId,
    traceId: row.traceId,
    caller: row.caller,
    batchId: row.batchId,
    rowIndex: row.rowIndex,
    inferenceUs: row.inferenceUs,
    onnxruntimeVersion: context.onnxruntimeVersion,
    platform: context.platform,
    erased: row.subjectHash !== null,
    outcomes: outcomes.map(outcomeOf),
    chain: group ? { writer: group.writer, sequence: Number(group.sequence), index: row.groupIndex } : null,
  };
}

export const outcomeOf = ({
  id,
  defaulted,
  observedAt,
  requestId,
  caller,
}: Omit<PredictionOutcomeEntity, 'predictionId' | 'groupId' | 'groupIndex'>): Outcome => ({
  id,
  defaulted,
  observedAt: observedAt.toISOString(),
  recordedAt: isoTimeOf(id),
  requestId,
  caller,
});

const modelOf = ({ modelName, modelVersion, modelAlias, modelDigest }: ScoringContextEntity) => ({
  name: modelName,
  version: modelVersion,
  alias: modelAlias,
  digest: modelDigest,
});

const defaultClassOf = ({ defaultClass, defaultClassFrom }: ScoringContextEntity) =>
  defaultClass === null ? null : { label: defaultClass, from: defaultClassFrom as DefaultClass['from'] };

const isoTimeOf = (id: string): string => new Date(timeOfId(id)).toISOString();

const inputsByName = (names: readonly string[], inputs: readonly number[]): Record<string, number | null> =>
  Object.fromEntries(names.map((name, i) => [name, Number.isNaN(inputs[i]) ? null : inputs[i]!]));
