import { load as parseYaml } from 'js-yaml';
import { z } from 'zod';
import { ModelRejectedError } from './model-rejected.error.js';

const probability = z.number().min(0).max(1);
const histogramSchema = z.object({
  edges: z.array(z.number()),
  counts: z.array(z.int().nonnegative()),
  missing: z.int().nonnegative().default(0),
});

/** What a model may say of itself under `metadata:` beyond MLflow's own fields. All of it is optional. */
const metadataSchema = z.object({
  name: z.string().min(1).optional(),
  feature_names: z.array(z.string().min(1)).min(1).optional(),
  feature_descriptions: z.record(z.string(), z.string()).default({}),
  /** Inclusive; null is an unbounded end. */
  feature_ranges: z.record(z.string(), z.tuple([z.number().nullable(), z.number().nullable()])).default({}),
  /** The label of the class that means default, as text. */
  default_class: z
    .union([z.string(), z.int(), z.boolean()], 'must be the label of a class: text, an integer or a boolean')
    .transform(String)
    .optional(),
  nullable_features: z.array(z.string()).default([]),
  /** For a directory that MODEL_URI names by `file:`; a registered version says it by a tag of its own. */
  allow_signature_change: z.boolean().default(false),
  threshold: probability.default(0.5),
  known_rows: z
    .object({
      inputs: z.array(z.array(z.number().nullable())).min(1),
      probabilities: z.array(probability),
      tolerance: z.number().positive().default(1e-5),
    })
    .refine((rows) => rows.inputs.length === rows.probabilities.length, 'inputs and probabilities differ in length')
    .optional(),
  training_metrics: z.record(z.string(), z.number()).default({}),
  reference: z.object({ features: z.record(z.string(), histogramSchema), score: histogramSchema }).optional(),
});

export type ModelMetadata = z.output<typeof metadataSchema>;

const mlmodelSchema = z.object({
  flavors: z.object({ onnx: z.object({ data: z.string() }).optional() }),
  run_id: z.string().nullish(),
  saved_input_example_info: z.object({ artifact_path: z.string() }).nullish(),
  signature: z.object({ inputs: z.string() }).nullish(),
  metadata: metadataSchema.nullish(),
});

/** A signature's inputs are JSON inside YAML: either one tensor or a list of named columns. */
const signatureInputsSchema = z.array(
  z.object({
    type: z.string(),
    'tensor-spec': z.object({ dtype: z.string(), shape: z.array(z.int()) }).optional(),
  }),
);

export interface MlModel {
  /** Path of the ONNX file, relative to the model directory. */
  onnxPath: string;
  runId: string | undefined;
  /** Path of the input example, relative to the model directory. */
  examplePath: string | undefined;
  /** Number of inputs that the signature declares; undefined without a signature or with an open width. */
  signatureWidth: number | undefined;
  metadata: ModelMetadata;
}

/**
 * Reads an `MLmodel` file (https://mlflow.org/docs/latest/ml/model/#mlmodel-file).
 *
 * @throws ModelRejectedError
 */
export function parseMlmodel(text: string): MlModel {
  const { flavors, run_id, saved_input_example_info, signature, metadata } = parseDocument(text);
  if (!flavors.onnx) {
    throw new ModelRejectedError(
      'MLmodel has no `onnx` flavor: convert the model to ONNX and save it with mlflow.onnx.save_model or log_model.',
    );
  }
  return {
    onnxPath: flavors.onnx.data,
    runId: run_id ?? undefined,
    examplePath: saved_input_example_info?.artifact_path,
    signatureWidth: signature ? widthOf(signature.inputs) : undefined,
    metadata: metadata ?? metadataSchema.parse({}),
  };
}

function parseDocument(text: string): z.output<typeof mlmodelSchema> {
  let document: unknown;
  try {
    document = parseYaml(text);
  } catch (cause) {
    throw new ModelRejectedError('MLmodel is not readable as YAML: save or download the model again.', { cause });
  }
  const result = mlmodelSchema.safeParse(document);
  if (!result.success) {
    throw new ModelRejectedError(
      `MLmodel does not have the expected form (${describe(result.error)}): ` +
        'save the model with mlflow.onnx, with metadata as the model contract says.',
    );
  }
  return result.data;
}

function widthOf(signatureInputs: string): number | undefined {
  let inputs: z.output<typeof signatureInputsSchema>;
  try {
    inputs = signatureInputsSchema.parse(JSON.parse(signatureInputs));
  } catch (cause) {
    throw new ModelRejectedError('The signature in MLmodel cannot be read: save the model again.', { cause });
  }
  const tensor = inputs[0]?.['tensor-spec'];
  if (!tensor) return inputs.length;
  const width = tensor.shape.at(-1);
  return width !== undefined && width > 0 ? width : undefined;
}

const describe = (error: z.ZodError): string =>
  error.issues.map((issue) => `${issue.path.join('.') || 'document'}: ${issue.message}`).join('; ');
