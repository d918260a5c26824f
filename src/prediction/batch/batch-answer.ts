import { v7 as uuidv7 } from 'uuid';
import { parseJson } from '../../common/http/json-body.js';
import { invalidRequest } from '../../common/errors/schema-issues.js';
import type { ModelRunner } from '../../model-registry/runner/model-runner.js';
import type { ScoringSpec } from '../../model-registry/served-model.js';
import { FeatureEncoder, type FeatureWarning } from '../feature-encoder.js';
import { predictBatchRequestSchema, type PredictBatchResponse } from '../prediction.schemas.js';

/** A batch's reply, ready to send, with what the metrics need to know of it. */
export interface BatchAnswer {
  /** UTF-8 JSON of a PredictBatchResponse. */
  body: Uint8Array;
  /** `[n]`, in the order of the request. */
  probabilities: Float32Array;
  inferenceMs: number;
}

/**
 * The whole way from a batch's bytes to its reply's bytes; all rows or none. It needs nothing but its arguments, so
 * the same code runs on the main thread and in a worker.
 *
 * @throws DomainError INVALID_JSON, INVALID_REQUEST or FEATURES_MISMATCH (the first bad row is named)
 */
export async function answerBatch(body: Uint8Array, spec: ScoringSpec, runner: ModelRunner): Promise<BatchAnswer> {
  const request = predictBatchRequestSchema.safeParse(parseJson(body));
  if (!request.success) throw invalidRequest(request.error.issues);
  const { data } = request.data;

  const encoder = new FeatureEncoder(spec.inputs);
  const rows = new Float32Array(data.length * encoder.width);
  const warnings = data.map(({ features }, i) =>
    encoder.encode(features, `data.${i}.features`, rows, i * encoder.width),
  );

  const startedAt = performance.now();
  const probabilities = await runner.score(rows, data.length);
  const inferenceMs = performance.now() - startedAt;

  const response: PredictBatchResponse = {
    predictions: Array.from(probabilities, (probability, i) => row(probability, spec.threshold, warnings[i])),
    threshold: spec.threshold,
    model: spec.ref,
  };
  return { body: Buffer.from(JSON.stringify(response)), probabilities, inferenceMs };
}

const row = (probability: number, threshold: number, warnings: FeatureWarning[] | undefined) => ({
  id: uuidv7(),
  prediction: probability >= threshold ? (1 as const) : (0 as const),
  probability,
  ...(warnings && { warnings }),
});
