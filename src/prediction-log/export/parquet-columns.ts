import type { ColumnSource } from 'hyparquet-writer';
import type { ScoringContext } from '../prediction-record.js';
import { timeOfId } from '../id-time.js';
import type { ExportedRow } from './exported-rows.js';

/** A column of the file: what it is called, its type, and where its value comes from. Null where there is none. */
export interface ParquetColumn extends Omit<ColumnSource, 'data'> {
  value: (row: ExportedRow) => unknown;
}

const FIXED_COLUMNS: readonly ParquetColumn[] = [
  { name: 'id', type: 'STRING', value: ({ id }) => id },
  { name: 'predicted_at', type: 'TIMESTAMP', value: ({ id }) => new Date(timeOfId(id)) },
  { name: 'reference', type: 'STRING', value: ({ reference }) => reference },
  { name: 'caller', type: 'STRING', value: ({ caller }) => caller },
  { name: 'request_id', type: 'STRING', value: ({ requestId }) => requestId },
  { name: 'trace_id', type: 'STRING', value: ({ traceId }) => traceId },
  { name: 'batch_id', type: 'STRING', value: ({ batchId }) => batchId },
  { name: 'row_index', type: 'INT32', value: ({ rowIndex }) => rowIndex },
  { name: 'model_name', type: 'STRING', value: ({ context }) => context.modelName },
  { name: 'model_version', type: 'STRING', value: ({ context }) => context.modelVersion },
  { name: 'model_alias', type: 'STRING', value: ({ context }) => context.modelAlias },
  { name: 'model_digest', type: 'STRING', value: ({ context }) => context.modelDigest },
  { name: 'default_class', type: 'STRING', value: ({ context }) => context.defaultClass },
  { name: 'default_class_from', type: 'STRING', value: ({ context }) => context.defaultClassFrom },
  { name: 'onnxruntime_version', type: 'STRING', value: ({ context }) => context.onnxruntimeVersion },
  { name: 'platform', type: 'STRING', value: ({ context }) => context.platform },
  { name: 'probability', type: 'FLOAT', value: ({ probability }) => probability },
  { name: 'threshold', type: 'DOUBLE', value: ({ context }) => context.threshold },
  { name: 'prediction', type: 'INT32', value: ({ prediction }) => prediction },
  { name: 'warnings', type: 'STRING', value: ({ warnings }) => warnings && JSON.stringify(warnings) },
  { name: 'inference_us', type: 'FLOAT', value: ({ inferenceUs }) => inferenceUs },
  { name: 'erased', type: 'BOOLEAN', value: ({ inputs }) => inputs === null },
  { name: 'defaulted', type: 'BOOLEAN', value: ({ outcome }) => outcome?.defaulted },
  { name: 'outcome_observed_at', type: 'TIMESTAMP', value: ({ outcome }) => outcome?.observedAt },
  { name: 'outcome_recorded_at', type: 'TIMESTAMP', value: ({ outcome }) => outcome && new Date(timeOfId(outcome.id)) },
  { name: 'outcome_count', type: 'INT32', value: ({ outcome }) => outcome?.count ?? 0 },
];

/**
 * One column for each input of any of the models, `input_NAME`: NaN where an input was missing, null where it was erased or
 * the row's model has no such input.
 */
export function parquetColumns(contexts: Iterable<ScoringContext>): ParquetColumn[] {
  const positions = new Map<string, Map<string, number>>();
  for (const { id, featureNames } of contexts) {
    for (const [index, name] of featureNames.entries()) {
      if (!positions.has(name)) positions.set(name, new Map());
      positions.get(name)!.set(id, index);
    }
  }
  const inputColumns = Array.from(positions, ([name, byContext]): ParquetColumn => ({
    name: `input_${name}`,
    type: 'FLOAT',
    value: ({ inputs, context }) => inputs?.[byContext.get(context.id) ?? -1] ?? null,
  }));
  return [...FIXED_COLUMNS, ...inputColumns];
}
