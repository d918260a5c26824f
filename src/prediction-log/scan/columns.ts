/** Columns under the names of ScoringContext. */
export const CONTEXT_COLUMNS = `
  id, format, model_name AS "modelName", model_version AS "modelVersion", model_alias AS "modelAlias", model_digest AS "modelDigest",
  threshold, feature_names AS "featureNames", onnxruntime_version AS "onnxruntimeVersion", platform,
  default_class AS "defaultClass", default_class_from AS "defaultClassFrom"`;

/** Columns under the names of StoredPrediction; `inputs` and `reference` are null once erased. */
export const PREDICTION_COLUMNS = `
  id, context_id AS "contextId", reference, request_id AS "requestId", trace_id AS "traceId", batch_id AS "batchId",
  row_index AS "rowIndex", inputs, probability, prediction, warnings, caller, inference_us AS "inferenceUs"`;
