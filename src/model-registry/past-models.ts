import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { DomainError } from '../common/errors/domain-error.js';
import { ActiveModel } from './active-model.js';
import { ArtifactStores } from './artifacts/artifact-stores.js';
import { ModelCache } from './cache/model-cache.js';
import { type ModelFiles, readIntact, readModelDirectory } from './model-directory.js';
import type { DefaultClass } from './default-class.js';
import { ModelLoader } from './model-loader.js';
import { ModelRejectedError } from './model-rejected.error.js';
import { RegistryError } from './registry-error.js';
import type { ModelRunner } from './runner/model-runner.js';
import type { ModelRef, ServedModel } from './served-model.js';
import { ModelSource } from './source/model-source.js';

const BUSY_RETRY_AFTER_SECONDS = 1;
const REGISTRY_RETRY_AFTER_SECONDS = 10;

/** The bytes are what counts, and which of their classes; name and version say where to look for them. */
export interface PastModelRef extends Omit<ModelRef, 'alias'> {
  /** Null where it was the second column, or the only one, whatever its label. */
  defaultClass: DefaultClass | null;
}

type PastAction<T> = (model: Pick<ServedModel, 'runner'>) => Promise<T>;

/**
 * Models that scored before, to score once more. What serves is not touched, and nothing stays behind: neither a session nor
 * a version in the cache, which would push out others.
 */
@Injectable()
export class PastModels implements OnApplicationShutdown {
  private readonly closing = new AbortController();
  private isBusy = false;

  constructor(
    private readonly activeModel: ActiveModel,
    private readonly cache: ModelCache,
    private readonly stores: ArtifactStores,
    private readonly loader: ModelLoader,
    @Inject(ModelSource) private readonly source: ModelSource,
  ) {}

  /**
   * Runs `action` with the model of exactly these bytes and this class: the live one, or one that is loaded from the cache, else
   * from the registry, and freed afterwards. One at a time, since each may take a download and a second model's memory.
   *
   * @param action begins to score before it waits for anything, because the live model may be replaced meanwhile
   * @throws DomainError MODEL_GONE when these bytes are not to be had any more or cannot be run, REGISTRY_UNAVAILABLE, or
   *   OVERLOADED while another one is under way
   */
  async use<T>(ref: PastModelRef, action: PastAction<T>): Promise<T> {
    if (this.isBusy) {
      throw new DomainError('OVERLOADED', {
        detail: 'This instance loads one past model at a time. Try again when the other replay has ended.',
        retryAfterSeconds: BUSY_RETRY_AFTER_SECONDS,
      });
    }
    this.isBusy = true;
    try {
      const live = this.activeModel.peek();
      return live && isSame(live, ref) ? await action(live) : await this.useLoaded(ref, action);
    } finally {
      this.isBusy = false;
    }
  }

  onApplicationShutdown(): void {
    this.closing.abort();
  }

  private async useLoaded<T>(ref: PastModelRef, action: PastAction<T>): Promise<T> {
    const runner = await this.load(ref);
    try {
      return await action({ runner });
    } finally {
      await runner.dispose();
    }
  }

  private async load(ref: PastModelRef): Promise<ModelRunner> {
    const files = await this.find(ref);
    try {
      return await this.loader.openPast(files, ref.defaultClass ?? 'second-column');
    } catch (error) {
      throw error instanceof ModelRejectedError ? gone('This release cannot run the model any more.', error) : error;
    }
  }

  private async find({ name, version, digest }: PastModelRef): Promise<ModelFiles> {
    try {
      const cached = await readIntact(this.cache.directoryOf(digest), digest);
      return cached ?? (await this.download(name, version, digest));
    } catch (error) {
      throw asDomainError(error);
    }
  }

  private async download(name: string, version: string, digest: string): Promise<ModelFiles> {
    const { signal } = this.closing;
    const resolved = await this.source.resolveVersion(version, signal);
    if (resolved.name !== name || (resolved.expectedDigest ?? digest) !== digest) throw otherBytes(version);
    const directory = await this.cache.createDownload();
    try {
      await this.stores.download(resolved.artifactUri, directory, signal);
      const files = await readModelDirectory(directory);
      if (files.digest !== digest) throw otherBytes(version);
      return files;
    } finally {
      await this.cache.discard(directory);
    }
  }
}

const isSame = ({ ref, defaultClass, output }: ServedModel, past: PastModelRef): boolean =>
  ref.digest === past.digest &&
  (past.defaultClass ? past.defaultClass.label === defaultClass.label : output.column === output.columns - 1);

const otherBytes = (version: string): ModelRejectedError =>
  new ModelRejectedError(`What the registry has as version ${version} now is another model.`);

const gone = (what: string, cause: Error): DomainError =>
  new DomainError('MODEL_GONE', { detail: `${what} ${cause.message}`, cause });

function asDomainError(cause: unknown): unknown {
  if (cause instanceof ModelRejectedError || (cause instanceof RegistryError && cause.failure === 'not-found')) {
    return gone('The bytes that scored this are neither live, nor in the cache, nor in the registry.', cause);
  }
  if (cause instanceof RegistryError) {
    return new DomainError('REGISTRY_UNAVAILABLE', {
      detail: `The model is not in the cache, and could not be had from the registry. ${cause.message}`,
      retryAfterSeconds: REGISTRY_RETRY_AFTER_SECONDS,
      cause,
    });
  }
  return cause;
}
