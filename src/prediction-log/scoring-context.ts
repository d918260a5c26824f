import type { ServedModel } from '../model-registry/served-model.js';
import { contextId } from './chain/row-hash.js';
import type { ScoringContext } from './prediction-record.js';

const contexts = new WeakMap<ServedModel, ScoringContext>();

/** What the rows that a model scores have in common. */
export function scoringContext(model: ServedModel): ScoringContext {
  let context = contexts.get(model);
  if (!context) contexts.set(model, (context = describe(model)));
  return context;
}

function describe({ ref, threshold, inputs, runner }: ServedModel): ScoringContext {
  const context = {
    modelName: ref.name,
    modelVersion: ref.version,
    modelAlias: ref.alias,
    modelDigest: ref.digest,
    threshold,
    featureNames: inputs.map(({ name }) => name),
    onnxruntimeVersion: runner.runtimeVersion,
    platform: `${process.platform}/${process.arch}`,
  };
  return { id: contextId(context), ...context };
}
