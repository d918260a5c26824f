import type { ModelFiles } from './model-directory.js';
import { type ModelMetadata, OUR_KEY } from './model-metadata.js';
import type { MlModel } from './mlmodel.js';
import { ModelRejectedError } from './model-rejected.error.js';
import type { ModelTags } from './source/model-source.js';

/** One input of a model, as it stands in row position `i`. */
export interface ModelInput {
  name: string;
  description?: string;
  /** Inclusive valid range in the input's own unit; null is an unbounded end. */
  range?: readonly [min: number | null, max: number | null];
  /** Whether the model says, or shows in a row of its own, that it may be missing, so that null may be sent. */
  nullable: boolean;
}

export interface DescribedInputs {
  inputs: ModelInput[];
  /** What was not used, and why. */
  warnings: string[];
}

/** Number of inputs that MLmodel claims: by its names, else by its signature. */
export const declaredWidth = ({ inputNames, signatureWidth }: MlModel): number | undefined =>
  inputNames?.length ?? signatureWidth;

/**
 * The inputs of a model of a known width; positional names `f0`, `f1`, … where MLmodel names none.
 *
 * @throws ModelRejectedError when a name stands twice, or something is said of an input that the model does not have
 */
export function describeInputs(
  { mlmodel, exampleRows }: Pick<ModelFiles, 'mlmodel' | 'exampleRows'>,
  width: number,
  tags: ModelTags,
): DescribedInputs {
  const { metadata } = mlmodel;
  const names = mlmodel.inputNames ?? Array.from({ length: width }, (_, i) => `f${i}`);
  if (new Set(names).size !== names.length) {
    throw new ModelRejectedError('MLmodel has a name of an input twice. Save the model with distinct names.');
  }
  const warnings = [...strangers(mlmodel, names), ...unusedTag(metadata, tags)];
  const nullable = new Set(metadata.nullable_features ?? nullableByTag(tags, names));
  const rows = [...exampleRows, ...(metadata.known_rows?.inputs ?? [])].filter((row) => row.length === width);
  const inputs = names.map((name, i) => {
    const description = metadata.feature_descriptions[name];
    const range = metadata.feature_ranges[name];
    return {
      name,
      ...(description !== undefined && { description }),
      ...(range && { range }),
      nullable: nullable.has(name) || rows.some((row) => row[i] === null),
    };
  });
  return { inputs, warnings };
}

/** Names in the metadata that are no inputs. Under our key they are mistakes; beside it they may be somebody else's. */
function strangers({ metadata, isOurs }: MlModel, names: readonly string[]): string[] {
  const { feature_descriptions, feature_ranges, nullable_features = [], reference } = metadata;
  const said = {
    feature_descriptions: Object.keys(feature_descriptions),
    feature_ranges: Object.keys(feature_ranges),
    nullable_features,
    'reference.features': Object.keys(reference?.features ?? {}),
  };
  const found = Object.entries(said).flatMap(([member, given]) => {
    const unknown = unknownIn(given, names);
    return unknown.length > 0 ? [`${member} names ${unknown.join(', ')}`] : [];
  });
  if (found.length === 0) return [];
  const fault = `which the model does not have as inputs (they are ${names.join(', ')}).`;
  if (!isOurs) return [`metadata in MLmodel: ${found.join('; ')}, ${fault}`];
  throw new ModelRejectedError(
    `metadata.${OUR_KEY} in MLmodel: ${found.join('; ')}, ${fault} Correct the names, or give all inputs in feature_names, and save ` +
      'the model again (docs/model-contract.md).',
  );
}

/** The tag is a list of inputs with commas between. */
function nullableByTag({ nullableFeatures }: ModelTags, names: readonly string[]): string[] {
  const given = (nullableFeatures ?? '').split(',').flatMap((name) => name.trim() || []);
  const unknown = unknownIn(given, names);
  if (unknown.length === 0) return given;
  throw new ModelRejectedError(
    `The version's tag nullable_features names ${unknown.join(', ')}, which the model does not have as inputs ` +
      `(they are ${names.join(', ')}). Correct the tag: names with commas between.`,
  );
}

const unusedTag = ({ nullable_features }: ModelMetadata, { nullableFeatures }: ModelTags): string[] =>
  nullable_features && nullableFeatures !== undefined
    ? ["The version's tag nullable_features is not used: the metadata in MLmodel says which inputs may be missing."]
    : [];

const unknownIn = (given: readonly string[], names: readonly string[]): string[] =>
  given.filter((name) => !names.includes(name));
