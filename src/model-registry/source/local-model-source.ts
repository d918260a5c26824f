import { basename } from 'node:path';
import { readModelDirectory } from '../model-directory.js';
import { RegistryError } from '../registry-error.js';
import type { ModelSource, ResolvedVersion } from './model-source.js';
import { shortDigest } from './short-digest.js';

/** A directory of this machine. Whatever changes in it makes another version. */
export class LocalModelSource implements ModelSource {
  readonly canMove = true;

  constructor(
    readonly uri: string,
    readonly watchedDirectory: string,
  ) {}

  async resolve(): Promise<ResolvedVersion> {
    const { mlmodel, digest } = await readModelDirectory(this.watchedDirectory);
    return {
      identity: `sha256:${digest}`,
      name: mlmodel.metadata.name ?? basename(this.watchedDirectory),
      version: shortDigest(digest),
      alias: null,
      runId: mlmodel.runId,
      artifactUri: `file:${this.watchedDirectory}`,
      // So that a file that changes while the directory is copied is noticed.
      expectedDigest: digest,
      allowSignatureChange: mlmodel.metadata.allow_signature_change,
      tags: {},
    };
  }

  async resolveVersion(version: string): Promise<ResolvedVersion> {
    throw new RegistryError('not-found', `There is no version ${version} of ${this.uri}: a directory has no versions.`);
  }
}
