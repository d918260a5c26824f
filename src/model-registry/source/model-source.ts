/**
 * What the tags of a registered version say of a model whose own metadata does not (docs/model-contract.md), as they were
 * written. Other tags make it another version to try.
 */
export interface ModelTags {
  /** `default_class` */
  defaultClass?: string | undefined;
  /** `nullable_features` */
  nullableFeatures?: string | undefined;
}

export const isSameTags = (a: ModelTags, b: ModelTags): boolean =>
  a.defaultClass === b.defaultClass && a.nullableFeatures === b.nullableFeatures;

/** What MODEL_URI means at this moment: one version of a model, and where its files are. */
export interface ResolvedVersion {
  /**
   * Names this version for ever: the logged model's id (`m-…`), else name, version, creation time and run id together,
   * since a model that is deleted and created again counts from 1 again.
   */
  identity: string;
  name: string;
  version: string;
  /** The alias it was found by; null when it was named directly. */
  alias: string | null;
  runId: string | undefined;
  /** `s3://BUCKET/PREFIX`, `mlflow-artifacts:/PATH` or `file:PATH`. */
  artifactUri: string;
  /** The manifest digest (see manifestDigest) that the registry vouches for: the version's tag `sha256`. */
  expectedDigest: string | undefined;
  /** The version's tag `allow_signature_change`: it may go live with other inputs than the live model's. */
  allowSignatureChange: boolean;
  tags: ModelTags;
}

/** Where models come from. */
export abstract class ModelSource {
  /** MODEL_URI, without credentials. */
  abstract readonly uri: string;
  /** Whether the answer can change: an alias, or a local directory. The rest is resolved once. */
  abstract readonly canMove: boolean;
  /** The local directory that MODEL_URI names; undefined for what lies elsewhere. */
  readonly watchedDirectory?: string;

  /** @throws RegistryError or ModelRejectedError */
  abstract resolve(signal: AbortSignal): Promise<ResolvedVersion>;

  /** A certain version of the same registered model, for pinning. @throws RegistryError `not-found` where there are no versions */
  abstract resolveVersion(version: string, signal: AbortSignal): Promise<ResolvedVersion>;
}
