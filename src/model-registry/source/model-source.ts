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
