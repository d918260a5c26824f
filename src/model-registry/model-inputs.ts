import type { MlModel, ModelMetadata } from './mlmodel.js';
import { ModelRejectedError } from './model-rejected.error.js';

/** One input of a model, as it stands in row position `i`. */
export interface ModelInput {
  name: string;
  description?: string;
  /** Inclusive valid range in the input's own unit; null is an unbounded end. */
  range?: readonly [min: number | null, max: number | null];
  /** Whether training saw it missing, so that null may be sent. */
  nullable: boolean;
}

/** Number of inputs that MLmodel claims: by its names, else by its signature. */
export const declaredWidth = ({ metadata, signatureWidth }: MlModel): number | undefined =>
  metadata.feature_names?.length ?? signatureWidth;

/** The inputs of a model of a known width; positional names `f0`, `f1`, … where MLmodel names none. */
export function describeInputs(metadata: ModelMetadata, width: number): ModelInput[] {
  const inputNames = metadata.feature_names ?? Array.from({ length: width }, (_, i) => `f${i}`);
  if (new Set(inputNames).size !== inputNames.length) {
    throw new ModelRejectedError('feature_names in MLmodel has a name twice. Save the model with distinct names.');
  }
  return inputNames.map((name) => {
    const description = metadata.feature_descriptions[name];
    const range = metadata.feature_ranges[name];
    return {
      name,
      ...(description !== undefined && { description }),
      ...(range && { range }),
      nullable: metadata.nullable_features.includes(name),
    };
  });
}
