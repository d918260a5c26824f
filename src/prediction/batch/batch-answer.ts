import { newIds } from '../../common/ids/new-id.js';
import { parseJson } from '../../common/http/json-body.js';
import { invalidRequest } from '../../common/errors/schema-issues.js';
import type { ModelRun, ModelRunner } from '../../model-registry/runner/model-runner.js';
import type { ScoringSpec } from '../../model-registry/served-model.js';
import { FeatureEncoder, type FeatureWarning } from '../feature-encoder.js';
import { predictBatchRequestSchema, type PredictBatchResponse } from '../prediction.schemas.js';

/** A batch's reply, ready to send, with what the metrics and the log need to know of it. */
export interface BatchAnswer {
  /** UTF-8 JSON of a PredictBatchResponse. */
  body: Uint8Array;
  /** Its probabilities are in the order of the request. */
  run: ModelRun;
  /** `[n, d]`, the values that were scored. */
  inputs: Float32Array;
  /** What the log keeps of each row beside its inputs and probability. */
  rows: AnsweredRow[];
}

export interface AnsweredRow {
  id: string;
  reference: string | null;
  warnings: FeatureWarning[] | null;
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
  const inputs = new Float32Array(data.length * encoder.width);
  const ids = newIds(data.length);
  const rows = data.map(({ features, reference }, i) => ({
    id: ids[i]!,
    reference: reference ?? null,
    warnings: encoder.encode(features, `data.${i}.features`, inputs, i * encoder.width) ?? null,
  }));

  const run = await runner.score(inputs, data.length);

  const response: PredictBatchResponse = {
    predictions: rows.map((row, i) => answerOf(row, run.probabilities[i]!, spec.threshold)),
    threshold: spec.threshold,
    model: spec.ref,
  };
  return { body: Buffer.from(JSON.stringify(response)), run, inputs, rows };
}

const answerOf = ({ id, warnings }: AnsweredRow, probability: number, threshold: number) => ({
  id,
  prediction: probability >= threshold ? (1 as const) : (0 as const),
  probability,
  ...(warnings && { warnings }),
});
