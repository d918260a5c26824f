import type { ServedModel } from '../model-registry/served-model.js';
import { CONTEXT_FORMAT, contextId } from './chain/row-hash.js';
import type { ScoringContext } from './prediction-record.js';

/** What this process runs on, such as `linux/x64`. */
export const PLATFORM = `${process.platform}/${process.arch}`;

const contexts = new WeakMap<ServedModel, ScoringContext>();

/** What the rows that a model scores have in common. */
export function scoringContext(model: ServedModel): ScoringContext {
  let context = contexts.get(model);
  if (!context) contexts.set(model, (context = describe(model)));
  return context;
}

function describe({ ref, threshold, inputs, runner, defaultClass }: ServedModel): ScoringContext {
  const context = {
    format: CONTEXT_FORMAT,
    modelName: ref.name,
    modelVersion: ref.version,
    modelAlias: ref.alias,
    modelDigest: ref.digest,
    threshold,
    featureNames: inputs.map(({ name }) => name),
    onnxruntimeVersion: runner.runtimeVersion,
    platform: PLATFORM,
    defaultClass: defaultClass.label,
    defaultClassFrom: defaultClass.from,
  };
  return { id: contextId(context), ...context };
}
