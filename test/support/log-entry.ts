import { newId } from '../../src/common/ids/new-id.js';
import { CONTEXT_FORMAT, contextId } from '../../src/prediction-log/chain/row-hash.js';
import type { LogEntry, PredictionRow, ScoringContext } from '../../src/prediction-log/prediction-record.js';

export function scoringContextFixture(overrides: Partial<ScoringContext> = {}): ScoringContext {
  const context = {
    format: CONTEXT_FORMAT,
    modelName: 'test-model',
    modelVersion: '7',
    modelAlias: 'production',
    modelDigest: 'd1ge57',
    threshold: 0.5,
    featureNames: ['income', 'age_of_account'],
    onnxruntimeVersion: '1.30.0',
    platform: 'linux/x64',
    defaultClass: '1',
    defaultClassFrom: 'labels',
    ...overrides,
  };
  return { id: contextId(context), ...context };
}

export const predictionRow = (overrides: Partial<PredictionRow> = {}): PredictionRow => ({
  id: newId(),
  reference: 'application-1',
  rowIndex: null,
  inputs: Float32Array.of(50_000, Number.NaN),
  probability: Math.fround(0.3),
  prediction: 0,
  warnings: null,
  ...overrides,
});

/** An entry of one row, or of as many as `rows` or `ids` say: then it is a batch. */
export function logEntry({
  rows = 1,
  ids = Array.from({ length: rows }, () => newId()),
  ...overrides
}: { rows?: number; ids?: string[] } & Partial<Omit<LogEntry, 'rows'>> = {}): LogEntry {
  const isBatch = ids.length > 1;
  return {
    context: scoringContextFixture(),
    requestId: 'request-1',
    traceId: null,
    caller: null,
    batchId: isBatch ? newId() : null,
    inferenceUs: 30,
    rows: ids.map((id, i) => predictionRow({ id, rowIndex: isBatch ? i : null })),
    ...overrides,
  };
}

/** Of all their rows, in the order of PostgreSQL. */
export const idsOf = (entries: readonly LogEntry[]): string[] =>
  entries.flatMap(({ rows }) => rows.map(({ id }) => id)).toSorted();
