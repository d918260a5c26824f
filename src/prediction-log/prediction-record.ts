/** What a group of rows has in common: the model that scored them and what it ran on. Stored once, not per row. */
export interface ScoringContext {
  /** See {@link scoringContext}. */
  id: string;
  /** How its id is made of it; see {@link CONTEXT_FORMAT}. */
  format: number;
  modelName: string;
  modelVersion: string;
  modelAlias: string | null;
  modelDigest: string;
  threshold: number;
  featureNames: readonly string[];
  onnxruntimeVersion: string;
  /** `process.platform`/`process.arch`, such as `linux/x64`: bit-equal replays are promised on the same one only. */
  platform: string;
  /** Label of the class whose probability the scores are; null in format 1, where it was the second one, whatever its label. */
  defaultClass: string | null;
  /** Where that was said, as DefaultClass has it; null in format 1. */
  defaultClassFrom: string | null;
}

export interface RecordWarning {
  feature: string;
  code: 'OUT_OF_RANGE';
}

/** One row that was scored and answered. */
export interface PredictionRow {
  /** UUID v7, as answered. */
  id: string;
  reference: string | null;
  /** Position in the batch, from 0; null for a single prediction. */
  rowIndex: number | null;
  /** `[d]`, the values that were scored; NaN where one was missing. */
  inputs: Float32Array;
  /** A float32, as answered. */
  probability: number;
  prediction: 0 | 1;
  warnings: readonly RecordWarning[] | null;
}

/** What one reply says: it is recorded as a whole or not at all. */
export interface LogEntry {
  context: ScoringContext;
  requestId: string;
  traceId: string | null;
  /** From the header that CALLER_HEADER names. */
  caller: string | null;
  /** UUID v7 that the rows of a batch share; null for a single prediction. */
  batchId: string | null;
  /** Time of the model's run, in microseconds. */
  inferenceUs: number;
  rows: readonly PredictionRow[];
  /** Where the request had an Idempotency-Key: what to answer to its repetitions. Committed together with the rows. */
  idempotency?: IdempotentAnswer;
}

/** A request with an Idempotency-Key. */
export interface KeyedRequest {
  /** Keys of different callers have nothing to do with each other. */
  caller: string;
  key: string;
  /** Its path, such as `/predict`. */
  route: string;
  /** SHA-256 of its body. */
  bodyHash: Uint8Array;
}

export interface IdempotentAnswer extends KeyedRequest {
  /** The reply's body. Of a batch, which is too large to be kept, the format in which to write it anew from its rows. */
  answer: Uint8Array | { format: number };
}

/** One row of {@link LogEntry} with what its entry says of all: what a row of the table holds. */
export interface StoredPrediction extends PredictionRow {
  contextId: string;
  requestId: string;
  traceId: string | null;
  caller: string | null;
  batchId: string | null;
  inferenceUs: number;
}
