import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import type { S3ArtifactStore } from '../artifacts/s3-artifact-store.js';
import { RegistryError } from '../registry-error.js';
import type { ModelSource, ResolvedVersion } from './model-source.js';
import { shortDigest } from './short-digest.js';

/** A model directory in a bucket, without a registry. */
export class S3ModelSource implements ModelSource {
  readonly canMove = false;

  constructor(
    readonly uri: string,
    private readonly artifactUri: string,
    private readonly store: S3ArtifactStore,
  ) {}

  /** The objects' ETags stand for their bytes: objects that were written again are another version. */
  async resolve(signal: AbortSignal): Promise<ResolvedVersion> {
    const objects = await this.store.list(this.artifactUri, signal);
    if (objects.length === 0) {
      throw new RegistryError(
        'not-found',
        `There are no files at ${this.artifactUri}: upload them or correct MODEL_URI.`,
      );
    }
    const digest = createHash('sha256').update(JSON.stringify(objects)).digest('hex');
    return {
      identity: `${this.artifactUri}#${digest}`,
      name: basename(this.artifactUri),
      version: shortDigest(digest),
      alias: null,
      runId: undefined,
      artifactUri: this.artifactUri,
      expectedDigest: undefined,
      allowSignatureChange: false,
      tags: {},
    };
  }

  async resolveVersion(version: string): Promise<ResolvedVersion> {
    throw new RegistryError('not-found', `There is no version ${version} of ${this.uri}: a folder has no versions.`);
  }
}
