import type { ScoringSpec } from '../model-registry/served-model.js';
import type { PredictBatchResponse, PredictResponse } from './prediction.schemas.js';

/** The members that all answers of a model have in common, to rows and to batches. */
export function commonMembers({ threshold, ref }: Pick<ScoringSpec, 'threshold' | 'ref'>): string {
  // In this order, whoever made the reference: a batch's answer is written anew from its record.
  const model = { name: ref.name, version: ref.version, alias: ref.alias, digest: ref.digest };
  return JSON.stringify({ threshold, model } satisfies Omit<PredictBatchResponse, 'predictions'>).slice(1, -1);
}

/**
 * A PredictResponse as JSON. Put together from text that is there already: to `JSON.stringify` all of it anew takes 2 % of a
 * request.
 *
 * @param common of its model, as {@link commonMembers}
 */
export function predictionReply(
  { id, prediction, probability, warnings }: Omit<PredictResponse, 'threshold' | 'model'>,
  common: string,
): string {
  const warned = warnings ? `,"warnings":${JSON.stringify(warnings)}` : '';
  return `{"id":"${id}","prediction":${prediction},"probability":${probability},${common}${warned}}`;
}
