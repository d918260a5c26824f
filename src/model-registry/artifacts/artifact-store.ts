import type { Readable } from 'node:stream';

export interface ArtifactFile {
  /** Relative to the version's directory, with forward slashes. Not to be trusted: see downloadArtifacts. */
  path: string;
  sizeBytes: number;
}

/** Where the bytes of a model version lie. */
export interface ArtifactStore {
  /** Every file below the directory, recursively. @throws RegistryError */
  list(artifactUri: string, signal: AbortSignal): Promise<ArtifactFile[]>;
  /** @throws RegistryError; the stream errors with one too */
  read(artifactUri: string, path: string, signal: AbortSignal): Promise<Readable>;
}
