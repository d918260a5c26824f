import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { Injectable, Logger } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { z } from 'zod';
import { ProcessLock } from '../../common/process-lock.js';
import type { Env } from '../../config/env.schema.js';
import { isErrno } from '../is-errno.js';
import { sha256 } from '../model-directory.js';

/** Longer than MODEL_DOWNLOAD_TIMEOUT_MS can be. */
const ABANDONED_AFTER_MS = 2 * 3_600_000;

/** Begins the names of what processes of this machine hold: where the directory is a network volume, locks may end here. */
const THIS_MACHINE = `${sha256(machineId()).slice(0, 12)}-`;

/** A version as it lies in the cache: enough to serve it again with nothing else at hand. */
export const cachedVersionSchema = z.object({
  identity: z.string(),
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  name: z.string(),
  version: z.string(),
  alias: z.string().nullable(),
  runId: z.string().optional(),
  digestVouched: z.boolean().describe('Whether the registry carried a digest and it matched.'),
  inputNames: z.array(z.string()),
  tags: z.object({ defaultClass: z.string().optional(), nullableFeatures: z.string().optional() }).default({}),
});
export type CachedVersion = z.output<typeof cachedVersionSchema>;

const namedVersionSchema = cachedVersionSchema.pick({ identity: true, version: true, alias: true });
/** What a look found: the version that MODEL_URI named, and the alias that it was named by. */
export type NamedVersion = z.output<typeof namedVersionSchema>;

const servedStateSchema = z.object({
  uri: z.string(),
  served: cachedVersionSchema,
  servedAt: z.iso.datetime(),
  previous: cachedVersionSchema.optional(),
  named: namedVersionSchema.nullable().optional().describe('What the last look found; null: no such alias.'),
  pinned: z.boolean().default(false),
});
/** What this MODEL_URI served last, so that a restart needs neither registry nor store. */
export type ServedState = z.output<typeof servedStateSchema>;

const indexEntrySchema = z.object({ identity: z.string(), digest: z.string() });

/**
 * Model versions on disk, shared by every process that uses the same directory:
 *
 *     versions/<digest>/     the files of a version, named by the manifest digest of their bytes
 *     identities/<sha256>    identity -> digest: which bytes a version had when it was first seen
 *     served/<sha256>        MODEL_URI -> what it served last, and before, what it named, and whether that is pinned
 *     confirmed/<sha256>     MODEL_URI -> when the source last said what it means (modification time)
 *     loading/<sha256>/      identity -> processes that began to load it and have not ended to: files that they hold locked
 *     downloads/<uuid>       in progress, or on its way out
 *
 * Everything appears, and goes, by an atomic rename, so that no change needs a lock. What is named under `served/` is not
 * evicted: whoever evicts looks again once a version is out of the way, and whoever goes live once it is named there.
 */
@Injectable()
export class ModelCache {
  private readonly logger = new Logger(ModelCache.name);
  private readonly root: string;
  private readonly maxBytes: number;

  constructor(config: ConfigService<Env, true>) {
    this.root = path.resolve(config.get('MODEL_CACHE_DIR', { infer: true }));
    this.maxBytes = config.get('MODEL_CACHE_MAX_BYTES', { infer: true });
  }

  /** @throws Error that names MODEL_CACHE_DIR when the directory cannot be written to */
  async open(): Promise<void> {
    try {
      await makeDirectory(this.root);
      for (const folder of ['versions', 'identities', 'served', 'confirmed', 'loading', 'downloads']) {
        await mkdir(path.join(this.root, folder), { recursive: true });
      }
      const probe = path.join(this.root, 'downloads', randomUUID());
      await writeFile(probe, '');
      await rm(probe);
      await this.removeAbandonedDownloads();
    } catch (cause) {
      throw new Error(`MODEL_CACHE_DIR ${this.root} is not a writable directory: name one that is.`, { cause });
    }
  }

  directoryOf(digest: string): string {
    return path.join(this.root, 'versions', digest);
  }

  /** The digest that this identity had when it was first downloaded. */
  async digestOf(identity: string): Promise<string | undefined> {
    const entry = await this.readJson(this.identityFile(identity), indexEntrySchema);
    return entry?.identity === identity ? entry.digest : undefined;
  }

  async has(digest: string): Promise<boolean> {
    try {
      return (await stat(this.directoryOf(digest))).isDirectory();
    } catch {
      return false;
    }
  }

  /** A fresh directory to download into; it becomes a version by {@link adopt} or goes by {@link discard}. */
  async createDownload(): Promise<string> {
    const directory = path.join(this.root, 'downloads', randomUUID());
    await mkdir(directory);
    return directory;
  }

  async discard(download: string): Promise<void> {
    await rm(download, { recursive: true, force: true });
  }

  /** Makes a complete download the version `digest` of `identity`. Another process may have been first. */
  async adopt(download: string, identity: string, digest: string): Promise<void> {
    await this.putInPlace(download, digest);
    await this.writeJson(this.identityFile(identity), { identity, digest });
  }

  /** Removes bytes that turned out not to be what their name says. */
  async drop(digest: string): Promise<void> {
    const removed = await this.takeOut(digest);
    if (removed) await this.discard(removed);
  }

  async readState(uri: string): Promise<ServedState | undefined> {
    const state = await this.readJson(this.servedFile(uri), servedStateSchema);
    return state?.uri === uri ? state : undefined;
  }

  /** When the source last said what MODEL_URI means, to any process: how old this cache's knowledge is. */
  async confirmedAt(uri: string): Promise<Date | undefined> {
    try {
      return (await stat(this.confirmedFile(uri))).mtime;
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  async confirm(uri: string): Promise<void> {
    await writeFile(this.confirmedFile(uri), '');
  }

  /**
   * Records what serves, then evicts the oldest versions that nothing names until the cache fits its bound.
   *
   * @throws Error also when another process has evicted this version in the moment before
   */
  async writeState(state: ServedState): Promise<void> {
    await this.writeJson(this.servedFile(state.uri), state);
    const now = new Date();
    await utimes(this.directoryOf(state.served.digest), now, now);
    await this.evict();
  }

  /**
   * When processes of this machine began to load a version, or to try it, that have ended over it since {@link endTrials}.
   * Oldest first.
   */
  async abandonedTrials(identity: string): Promise<Date[]> {
    const folder = this.trialsFolder(identity);
    const names = (await readdir(folder).catch(() => [])).filter((name) => name.startsWith(THIS_MACHINE));
    const trials = await Promise.all(
      names.map(async (name) => {
        const file = path.join(folder, name);
        // Those of other processes may end, and be gone, at any moment.
        const begun = await stat(file).catch(() => undefined);
        return begun && isFree(file) ? [begun.mtime] : [];
      }),
    );
    return trials.flat().toSorted((a, b) => a.getTime() - b.getTime());
  }

  /**
   * To be called before a version is loaded, which a bad one may never come back from.
   *
   * @returns a lock to be released after {@link endTrials}: a process that holds it is alive, however long it takes
   * @throws Error when the directory cannot be written to, or its files cannot be locked
   */
  async beginTrial(identity: string): Promise<ProcessLock> {
    const file = path.join(this.root, 'downloads', randomUUID());
    const lock = ProcessLock.take(file);
    try {
      if (!lock) throw new Error('Its file system has no locks: give each instance a directory on a local disk.');
      await mkdir(this.trialsFolder(identity), { recursive: true });
      await rename(file, path.join(this.trialsFolder(identity), THIS_MACHINE + randomUUID()));
      return lock;
    } catch (error) {
      lock?.release();
      await rm(file, { force: true });
      throw error;
    }
  }

  async endTrials(identity: string): Promise<void> {
    await rm(this.trialsFolder(identity), { recursive: true, force: true });
  }

  /** What a process left behind that died in the middle. */
  private async removeAbandonedDownloads(): Promise<void> {
    const folder = path.join(this.root, 'downloads');
    for (const name of await readdir(folder)) {
      const download = path.join(folder, name);
      // Those of other processes may end, and be gone, at any moment.
      const found = await stat(download).catch(() => undefined);
      if (found && Date.now() - found.mtimeMs > ABANDONED_AFTER_MS) await this.discard(download);
    }
  }

  private async evict(): Promise<void> {
    const versions = await this.versionsByAge();
    let totalBytes = versions.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    if (totalBytes <= this.maxBytes) return;
    for (const { digest, sizeBytes } of versions) {
      if (totalBytes <= this.maxBytes) return;
      if (await this.isNeeded(digest)) continue;
      const removed = await this.takeOut(digest);
      if (removed && (await this.isNeeded(digest))) {
        // It went live in another process at this very moment.
        await this.putInPlace(removed, digest);
        continue;
      }
      totalBytes -= sizeBytes;
      if (!removed) continue;
      await this.discard(removed);
      this.logger.log('Evicted a version from the cache', { digest, sizeBytes });
    }
    if (totalBytes > this.maxBytes) {
      this.logger.warn('The cache is over MODEL_CACHE_MAX_BYTES with what serves and what a rollback would need', {
        totalBytes,
        maxBytes: this.maxBytes,
      });
    }
  }

  private async versionsByAge(): Promise<{ digest: string; sizeBytes: number; usedAtMs: number }[]> {
    const digests = await readdir(path.join(this.root, 'versions'));
    const versions = await Promise.all(
      digests.map(async (digest) => {
        const directory = this.directoryOf(digest);
        try {
          const usedAtMs = (await stat(directory)).mtimeMs;
          return [{ digest, sizeBytes: await sizeOf(directory), usedAtMs }];
        } catch (error) {
          // Another process has evicted it meanwhile.
          if (isErrno(error, 'ENOENT')) return [];
          throw error;
        }
      }),
    );
    return versions.flat().toSorted((a, b) => a.usedAtMs - b.usedAtMs);
  }

  /** Whether it serves somewhere, or a rollback would need it. */
  private async isNeeded(digest: string): Promise<boolean> {
    const folder = path.join(this.root, 'served');
    const states = await Promise.all(
      (await readdir(folder)).map((name) => this.readJson(path.join(folder, name), servedStateSchema)),
    );
    return states.some((state) => state?.served.digest === digest || state?.previous?.digest === digest);
  }

  /** @returns where the version lies now; undefined when it was gone already */
  private async takeOut(digest: string): Promise<string | undefined> {
    const directory = path.join(this.root, 'downloads', randomUUID());
    try {
      await rename(this.directoryOf(digest), directory);
      return directory;
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  private async putInPlace(directory: string, digest: string): Promise<void> {
    try {
      await rename(directory, this.directoryOf(digest));
    } catch (error) {
      if (!isErrno(error, 'ENOTEMPTY') && !isErrno(error, 'EEXIST')) throw error;
      await this.discard(directory);
    }
  }

  /** A file that cannot be read counts as absent: the cache is only ever a copy of what the registry has. */
  private async readJson<T>(file: string, schema: z.ZodType<T>): Promise<T | undefined> {
    let text: string;
    try {
      text = await readFile(file, 'utf8');
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
    try {
      return schema.parse(JSON.parse(text));
    } catch {
      this.logger.warn('Ignoring a cache file that is not readable', { file: path.basename(file) });
      return undefined;
    }
  }

  private async writeJson(file: string, value: unknown): Promise<void> {
    const temporary = path.join(this.root, 'downloads', randomUUID());
    await writeFile(temporary, `${JSON.stringify(value)}\n`, { flush: true });
    await rename(temporary, file);
  }

  private identityFile(identity: string): string {
    return path.join(this.root, 'identities', sha256(identity));
  }

  private servedFile(uri: string): string {
    return path.join(this.root, 'served', sha256(uri));
  }

  private confirmedFile(uri: string): string {
    return path.join(this.root, 'confirmed', sha256(uri));
  }

  private trialsFolder(identity: string): string {
    return path.join(this.root, 'loading', sha256(identity));
  }
}

/** As `recursive` of mkdir, which never ends in a file system that takes no directories and calls them missing: /proc. */
async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory);
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return;
    if (!isErrno(error, 'ENOENT') || directory === path.dirname(directory)) throw error;
    await makeDirectory(path.dirname(directory));
    await mkdir(directory);
  }
}

/** What knows of a process's locks: the kernel that runs now, of which containers on one machine are, or its name. */
function machineId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8');
  } catch {
    return hostname();
  }
}

/** Where that cannot be known, nobody is said to have died; {@link ModelCache.beginTrial} tells what is wrong. */
function isFree(file: string): boolean {
  try {
    return ProcessLock.isHeld(file) === false;
  } catch {
    return false;
  }
}

/** In bytes, of all files below it. */
async function sizeOf(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(
    files.map(async ({ parentPath, name }) => (await stat(path.join(parentPath, name))).size),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
