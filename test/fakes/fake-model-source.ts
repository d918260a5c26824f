import { resolve } from 'node:path';
import { RegistryError } from '../../src/model-registry/registry-error.js';
import type { ModelSource, ResolvedVersion } from '../../src/model-registry/source/model-source.js';

/** A registry in memory: versions whose files are directories of this machine, and an alias that names one of them. */
export class FakeModelSource implements ModelSource {
  readonly uri = 'models:/credit-default-model@production';
  watchedDirectory?: string;
  canMove = true;
  /** How often it was asked what the alias names. */
  looks = 0;
  private readonly versions = new Map<string, ResolvedVersion>();
  private named: string | Error = new RegistryError('not-found', 'There is no alias "production".');
  private held: PromiseWithResolvers<void> | undefined;

  /** Registers a directory as a version. */
  register(version: string, directory: string, changes: Partial<ResolvedVersion> = {}): void {
    this.versions.set(version, {
      identity: `m-${version}`,
      name: 'credit-default-model',
      version,
      alias: 'production',
      runId: undefined,
      artifactUri: `file:${resolve(directory)}`,
      expectedDigest: undefined,
      allowSignatureChange: false,
      tags: {},
      ...changes,
    });
  }

  moveAlias(version: string): void {
    this.named = version;
  }

  /** From now on nobody gets an answer. */
  failWith(error: Error): void {
    this.named = error;
  }

  /** Holds all answers back. @returns lets them go */
  hold(): () => void {
    this.held = Promise.withResolvers();
    return this.held.resolve;
  }

  async resolve(signal: AbortSignal): Promise<ResolvedVersion> {
    this.looks++;
    await this.answering(signal);
    if (this.named instanceof Error) throw this.named;
    return this.version(this.named);
  }

  async resolveVersion(version: string, signal: AbortSignal): Promise<ResolvedVersion> {
    await this.answering(signal);
    if (this.named instanceof Error && !isNotFound(this.named)) throw this.named;
    return { ...this.version(version), alias: null };
  }

  private version(version: string): ResolvedVersion {
    const found = this.versions.get(version);
    if (!found) throw new RegistryError('not-found', `There is no version ${version}.`);
    return found;
  }

  private async answering(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const aborted = new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error));
    });
    await Promise.race([this.held?.promise, aborted]);
  }
}

const isNotFound = (error: Error): boolean => error instanceof RegistryError && error.failure === 'not-found';
