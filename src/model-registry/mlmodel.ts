import { load as parseYaml, YAMLException } from 'js-yaml';
import { z } from 'zod';
import { type ReadMetadata, readMetadata } from './model-metadata.js';
import { ModelRejectedError } from './model-rejected.error.js';
import { parseSignature, type Signature } from './signature.js';

export type { ModelMetadata } from './model-metadata.js';

const mlmodelSchema = z.object({
  flavors: z.object({ onnx: z.object({ data: z.string() }).optional() }),
  run_id: z.string().nullish(),
  saved_input_example_info: z.object({ artifact_path: z.string() }).nullish(),
  signature: z.object({ inputs: z.string().nullish() }).nullish(),
  metadata: z.unknown().optional(),
});

const NO_SIGNATURE: Signature = { width: undefined, names: undefined };

export interface MlModel extends ReadMetadata {
  /** Path of the ONNX file, relative to the model directory. */
  onnxPath: string;
  runId: string | undefined;
  /** Path of the input example, relative to the model directory. */
  examplePath: string | undefined;
  /** Number of inputs that the signature declares; undefined without a signature or with an open width. */
  signatureWidth: number | undefined;
  /** What the inputs are called, in their order, by the metadata or the signature; undefined where neither names them. */
  inputNames: string[] | undefined;
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
  const read = readMetadata(metadata);
  const inputs = signature?.inputs ? parseSignature(signature.inputs) : NO_SIGNATURE;
  return {
    onnxPath: flavors.onnx.data,
    runId: run_id ?? undefined,
    examplePath: saved_input_example_info?.artifact_path,
    signatureWidth: inputs.width,
    inputNames: agreedNames(read.metadata.feature_names, inputs),
    ...read,
  };
}

function parseDocument(text: string): z.output<typeof mlmodelSchema> {
  let document: unknown;
  try {
    document = parseYaml(text);
  } catch (cause) {
    throw new ModelRejectedError(
      `MLmodel is not readable as YAML: save or download the model again. ${reasonOf(cause)}` +
        'MLflow breaks off in the middle at values under metadata that are not plain Python: convert those of NumPy and pandas ' +
        'with float(), int() or .tolist() before.',
      { cause },
    );
  }
  const result = mlmodelSchema.safeParse(document);
  if (!result.success) {
    throw new ModelRejectedError(
      `MLmodel does not have the expected form (${describe(result.error)}): save the model with mlflow.onnx.`,
    );
  }
  return result.data;
}

/** @throws ModelRejectedError when both say what the inputs are called, and not the same */
function agreedNames(ours: string[] | undefined, { names }: Signature): string[] | undefined {
  if (!ours || !names || ours.join('\n') === names.join('\n')) return ours ?? names;
  throw new ModelRejectedError(
    `MLmodel says twice what the inputs are called, and not the same: its feature_names are ${ours.join(', ')}, the columns of ` +
      `its signature ${names.join(', ')}. A request by name would be scored with values in wrong places. Give both in the order ` +
      'that the model was trained with, or leave feature_names out (docs/model-contract.md).',
  );
}

/** YAML that was written otherwise has such values as tags of Python, which nothing else can read. */
const reasonOf = (cause: unknown): string =>
  cause instanceof YAMLException && cause.mark ? `Line ${cause.mark.line + 1}: ${cause.reason}. ` : '';

const describe = (error: z.ZodError): string =>
  error.issues.map((issue) => `${issue.path.join('.') || 'document'}: ${issue.message}`).join('; ');
