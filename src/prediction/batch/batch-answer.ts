import { freeBytes, isAlone } from '../../common/http/free-bytes.js';
import { parseJson } from '../../common/http/json-body.js';
import { invalidRequest } from '../../common/errors/schema-issues.js';
import { isProbability, type ModelRun, type ModelRunner } from '../../model-registry/runner/model-runner.js';
import type { ScoringSpec } from '../../model-registry/served-model.js';
import { FeatureEncoder, type FeatureWarning } from '../feature-encoder.js';
import { noProbability } from '../no-probability.js';
import { type PredictBatchRequest, predictBatchRequestSchema } from '../prediction.schemas.js';
import { batchReply } from './batch-reply.js';

/** A batch's reply, ready to send, with what the metrics and the log need to know of it. */
export interface BatchAnswer {
  /** UTF-8 JSON of a PredictBatchResponse, in memory of its own. */
  body: Buffer<ArrayBuffer>;
  /** Its probabilities are in the order of the request. */
  run: ModelRun;
  /** For the log; undefined where nothing is recorded. */
  rows: BatchRows | undefined;
}

/** Columns, since a thread hands them over in a fraction of the time that an object for each row takes. */
export interface BatchRows {
  /** `[n, d]`, the values that were scored. */
  inputs: Float32Array<ArrayBuffer>;
  /** Of each row. */
  ids: string[];
  /** Of each row; undefined when none has one. */
  references: (string | null)[] | undefined;
  /** Of the rows that have any, by their index. */
  warnings: Map<number, FeatureWarning[]>;
}

/**
 * The whole way from a batch's bytes to its reply's bytes; all rows or none. It needs nothing but its arguments, so
 * the same code runs on the main thread and in a worker.
 *
 * @param body gone afterwards, where its memory is its own
 * @param records whether the rows are wanted: another thread's garbage collector pays for each that is handed over
 * @throws DomainError INVALID_JSON, INVALID_REQUEST, FEATURES_MISMATCH or NO_PROBABILITY (the first bad row is named)
 */
export async function answerBatch(
  body: Uint8Array<ArrayBuffer>,
  spec: ScoringSpec,
  runner: ModelRunner,
  records: boolean,
): Promise<BatchAnswer> {
  const request = predictBatchRequestSchema.safeParse(parseJson(body));
  if (!request.success) throw invalidRequest(request.error.issues);
  const { data } = request.data;
  if (isAlone(body)) freeBytes(body);

  const encoder = new FeatureEncoder(spec.inputs);
  const inputs = new Float32Array(data.length * encoder.width);
  const warnings: BatchRows['warnings'] = new Map();
  for (let i = 0; i < data.length; i++) {
    const found = encoder.encode(data[i]!.features, `data.${i}.features`, inputs, i * encoder.width);
    if (found) warnings.set(i, found);
  }

  const run = await runner.score(inputs, data.length);
  const without = run.probabilities.findIndex((score) => !isProbability(score));
  if (without >= 0) throw noProbability(`data.${without}.features`);

  const { body: reply, ids } = batchReply(run.probabilities, spec, warnings);
  return {
    body: reply,
    run,
    rows: records ? { inputs, ids: ids(), references: referencesOf(data), warnings } : undefined,
  };
}

function referencesOf(data: PredictBatchRequest['data']): BatchRows['references'] {
  const hasAny = data.some(({ reference }) => reference !== undefined);
  return hasAny ? data.map(({ reference }) => reference ?? null) : undefined;
}
