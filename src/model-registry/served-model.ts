import type { DefaultClass } from './default-class.js';
import type { ModelInput } from './model-inputs.js';
import type { DefaultOutput, ModelRunner } from './runner/model-runner.js';
import type { ModelTags } from './source/model-source.js';

/** Names a model version in answers, metrics and logs. */
export interface ModelRef {
  name: string;
  version: string;
  /** The alias that the last look at the registry found naming this version; null when there is none. */
  alias: string | null;
  /** SHA-256 over the directory's manifest: names the bytes. */
  digest: string;
}

/** What scoring needs to know of a model beside its runner. Plain data: it also travels to worker threads. */
export interface ScoringSpec {
  ref: ModelRef;
  inputs: readonly ModelInput[];
  /** A row is predicted to default when its probability is at least this. */
  threshold: number;
  output: DefaultOutput;
}

/** A model that was verified, warmed up and tried, and may take traffic. Immutable. */
export interface ServedModel extends ScoringSpec {
  /** See ResolvedVersion. */
  identity: string;
  /** Whether the registry carried a digest of the files and they matched it. */
  digestVouched: boolean;
  /** Those that it was loaded with. */
  tags: ModelTags;
  /** What of its files and tags is not used, and why. */
  warnings: readonly string[];
  /** Which of its classes the scores are the probability of. */
  defaultClass: DefaultClass;
  runId: string | undefined;
  sourceUri: string;
  loadedAt: Date;
  trainingMetrics: Readonly<Record<string, number>>;
  /** The ONNX file that `runner` was created from. */
  onnx: Uint8Array<SharedArrayBuffer>;
  runner: ModelRunner;
}
