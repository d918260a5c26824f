import { Injectable, Logger } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import type { Env } from '../../config/env.schema.js';
import { ArtifactStores } from '../artifacts/artifact-stores.js';
import { type CachedVersion, ModelCache } from '../cache/model-cache.js';
import { type ModelFiles, readIntact, readModelDirectory } from '../model-directory.js';
import { ModelLoader } from '../model-loader.js';
import { ModelRejectedError } from '../model-rejected.error.js';
import type { ServedModel } from '../served-model.js';
import type { ResolvedVersion } from '../source/model-source.js';

/** One death may have had other reasons, such as a node that went away. */
const MAX_ABANDONED_TRIALS = 2;
/** After the death that was one too many; doubled for each one after it. A process that dies is an outage, so not soon. */
const FIRST_PAUSE_MS = 3_600_000;
const MAX_PAUSE_MS = 24 * 3_600_000;

/** What a version from the registry and one from the cache both say of where they came from. */
type Provenance = Pick<CachedVersion, 'name' | 'version' | 'alias' | 'identity' | 'digestVouched' | 'tags'> & {
  runId?: string | undefined;
};

/** Brings a version from the registry, or from the cache, to where it may serve. It changes nothing that serves. */
@Injectable()
export class VersionPreparer {
  private readonly logger = new Logger(VersionPreparer.name);
  private readonly requireDigest: boolean;

  constructor(
    private readonly cache: ModelCache,
    private readonly stores: ArtifactStores,
    private readonly loader: ModelLoader,
    config: ConfigService<Env, true>,
  ) {
    this.requireDigest = config.get('MODEL_REQUIRE_DIGEST', { infer: true });
  }

  /**
   * Download (unless cached), verify, create the session, warm up, try the known rows.
   *
   * @throws ModelRejectedError when the version must not serve; RegistryError or another Error when it could not be had
   */
  async prepare(version: ResolvedVersion, sourceUri: string, signal: AbortSignal): Promise<ServedModel> {
    this.refuseUnvouched(version.expectedDigest !== undefined);
    await this.refuseDeadly(version);
    const files = (await this.fromCache(version)) ?? (await this.download(version, signal));
    const provenance = { ...version, digestVouched: version.expectedDigest !== undefined };
    return this.onTrial(version, () => this.load(files, provenance, sourceUri));
  }

  /**
   * Prepares a version with nothing but the cache.
   *
   * @throws ModelRejectedError when its files are gone or damaged, or it must not serve
   */
  async restore(version: CachedVersion, sourceUri: string): Promise<ServedModel> {
    this.refuseUnvouched(version.digestVouched);
    if (!(await this.cache.has(version.digest))) {
      throw new ModelRejectedError(
        `The files of version ${version.version} are no longer in the cache: pin the version by ` +
          'POST /admin/model/reload, which downloads them again.',
      );
    }
    const files = await readModelDirectory(this.cache.directoryOf(version.digest));
    if (files.digest !== version.digest) {
      throw new ModelRejectedError('The cached files are damaged: their digest is not the one they were stored under.');
    }
    const model = await this.load(files, version, sourceUri);
    // What loads here is not what processes died of.
    await this.cache.endTrials(version.identity).catch(() => undefined);
    return model;
  }

  /** What the cached files themselves call their inputs; undefined where they are gone, or name none. */
  async inputNamesOf({ digest }: CachedVersion): Promise<readonly string[] | undefined> {
    const files = await readIntact(this.cache.directoryOf(digest), digest);
    return files?.mlmodel.inputNames;
  }

  private load(
    files: ModelFiles,
    { name, version, alias, identity, runId, digestVouched, tags }: Provenance,
    sourceUri: string,
  ): Promise<ServedModel> {
    return this.loader.load(files, { ref: { name, version, alias }, identity, runId, digestVouched, tags, sourceUri });
  }

  /** A graph may hang this process for good, or end it. The next ones shall not follow it for ever. */
  private async refuseDeadly({ identity }: ResolvedVersion): Promise<void> {
    const abandoned = await this.cache.abandonedTrials(identity);
    const last = abandoned.at(-1);
    if (!last || abandoned.length < MAX_ABANDONED_TRIALS) return;
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (abandoned.length - MAX_ABANDONED_TRIALS), MAX_PAUSE_MS);
    const retryAtMs = last.getTime() + pauseMs;
    if (Date.now() >= retryAtMs) return;
    throw new ModelRejectedError(
      `${abandoned.length} processes have ended while they loaded this version or tried it: it may run without end, take ` +
        'all memory, or take longer than the startup probe allows. It is tried again after ' +
        `${new Date(retryAtMs).toISOString()}; POST /admin/model/reload tries it at once.`,
      { retryAtMs },
    );
  }

  /** Leaves a trace in the cache for as long as loading takes, and for the next processes if this one does not survive it. */
  private async onTrial<T>({ identity, version }: ResolvedVersion, load: () => Promise<T>): Promise<T> {
    // A cache that cannot be written to keeps no good version from going live; the follower tells of it.
    const trial = await this.cache.beginTrial(identity).catch((error: unknown) => {
      this.logger.warn('A trial could not be noted in MODEL_CACHE_DIR', { version, reason: String(error) });
    });
    try {
      return await load();
    } finally {
      await this.cache.endTrials(identity).catch(() => undefined);
      trial?.release();
    }
  }

  private async fromCache(version: ResolvedVersion): Promise<ModelFiles | undefined> {
    const digest = await this.cache.digestOf(version.identity);
    if (digest === undefined || !(await this.cache.has(digest))) return undefined;
    const files = await readIntact(this.cache.directoryOf(digest), digest);
    if (files) {
      this.assertVouched(version, digest);
      return files;
    }
    this.logger.warn('Cached files are damaged; downloading them again', { version: version.version, digest });
    await this.cache.drop(digest);
    return undefined;
  }

  private async download(version: ResolvedVersion, signal: AbortSignal): Promise<ModelFiles> {
    const directory = await this.cache.createDownload();
    try {
      await this.stores.download(version.artifactUri, directory, signal);
      const files = await readModelDirectory(directory);
      this.assertVouched(version, files.digest);
      const known = await this.cache.digestOf(version.identity);
      if (known !== undefined && known !== files.digest) {
        throw new ModelRejectedError(
          'The files of this version are not those it had when it was first seen: ' +
            'somebody changed them in the artifact store. Register a new version instead.',
        );
      }
      await this.cache.adopt(directory, version.identity, files.digest);
      return files;
    } finally {
      await this.cache.discard(directory);
    }
  }

  private refuseUnvouched(hasDigest: boolean): void {
    if (hasDigest || !this.requireDigest) return;
    throw new ModelRejectedError(
      'The model version has no sha256 tag, which MODEL_REQUIRE_DIGEST asks for: register it with ml/register.py.',
    );
  }

  private assertVouched({ expectedDigest, version }: ResolvedVersion, digest: string): void {
    if (expectedDigest === undefined) {
      this.logger.warn('The model version has no sha256 tag: its bytes cannot be checked', { version, digest });
    } else if (expectedDigest !== digest) {
      throw new ModelRejectedError(
        "The files' digest is not the one in the version's sha256 tag: they were damaged or changed since they " +
          'were registered. Upload them again or register a new version.',
      );
    }
  }
}
