import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { temporaryDirectories } from '../../../test/support/temporary-directory.js';
import { testConfig } from '../../../test/support/test-config.js';
import { type CachedVersion, ModelCache, type ServedState } from './model-cache.js';

const MODEL_URI = 'models:/credit-default-model@production';
const DAY_MS = 86_400_000;
const KILOBYTE = 1000;

const run = promisify(execFile);

/**
 * Another process, from the build: adopts versions one after the other and goes live with each, in a cache that has no
 * room for any but those that serve. Those of the other processes are among them.
 */
const BUSY_PROCESS = `
  import { writeFile } from 'node:fs/promises';
  import { Logger } from '@nestjs/common';
  import { ModelCache } from '${pathToFileURL('dist/model-registry/cache/model-cache.js').href}';
  Logger.overrideLogger(false);
  const [MODEL_CACHE_DIR, number] = process.argv.slice(1);
  const cache = new ModelCache({ get: (name) => ({ MODEL_CACHE_DIR, MODEL_CACHE_MAX_BYTES: 1 })[name] });
  for (let i = 0; i < 30; i++) {
    const version = String((i * Number(number)) % 10);
    const [uri, identity, digest] = ['models:/model-' + number + '@production', 'm-' + version, version.padStart(64, '0')];
    const served = { identity, digest, name: 'model', version, alias: null, digestVouched: false, inputNames: [] };
    for (let written = false; !written; ) {
      const download = await cache.createDownload();
      await writeFile(download + '/model.onnx', version);
      await cache.adopt(download, identity, digest);
      written = await cache.writeState({ uri, served, servedAt: new Date().toISOString(), pinned: false }).then(
        () => true,
        // It was evicted before it was named.
        (error) => error.code === 'ENOENT' ? false : Promise.reject(error),
      );
    }
  }
`;

const digest = (version: number): string => String(version).padStart(64, '0');

const cached = (version: number): CachedVersion => ({
  identity: `m-${version}`,
  digest: digest(version),
  name: 'credit-default-model',
  version: String(version),
  alias: 'production',
  digestVouched: true,
  tags: {},
  inputNames: ['income'],
});

const state = (served: number, previous?: number, uri = MODEL_URI): ServedState => ({
  uri,
  served: cached(served),
  servedAt: '2026-01-01T00:00:00.000Z',
  ...(previous !== undefined && { previous: cached(previous) }),
  pinned: false,
});

const versionsIn = (directory: string) => readdirSync(path.join(directory, 'versions')).map(Number);

/** The first removal does not come to an end. @returns the eviction, once it is there, and what lets it go on */
async function slowEviction(cache: ModelCache): Promise<{ evicted: Promise<void>; goOn: () => void }> {
  const { rm } = fs;
  const [begun, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  jest.spyOn(fs, 'rm').mockImplementationOnce(async (...args) => {
    begun.resolve();
    await held.promise;
    await rm(...args);
  });
  const evicted = cache.writeState(state(4));
  await begun.promise;
  return { evicted, goOn: held.resolve };
}

describe('ModelCache', () => {
  const temporaryDirectory = temporaryDirectories();
  let root: string;
  let cache: ModelCache;

  const cacheOf = (env: Record<string, string> = {}) => new ModelCache(testConfig({ MODEL_CACHE_DIR: root, ...env }));

  /** A version of one kilobyte that was last used so many days ago. */
  async function adopt(version: number, { daysAgo = 0, to = cache } = {}): Promise<void> {
    const download = await to.createDownload();
    writeFileSync(path.join(download, 'model.onnx'), Buffer.alloc(KILOBYTE, version));
    await to.adopt(download, `m-${version}`, digest(version));
    const usedAt = new Date(Date.now() - daysAgo * DAY_MS);
    utimesSync(to.directoryOf(digest(version)), usedAt, usedAt);
  }

  beforeAll(() => Logger.overrideLogger(false));
  beforeEach(async () => {
    root = path.join(temporaryDirectory(), 'cache');
    cache = cacheOf();
    await cache.open();
  });

  describe('A version', () => {
    it('is found by its identity once it is adopted, with the files that were downloaded', async () => {
      expect(await cache.digestOf('m-1')).toBeUndefined();
      await adopt(1);
      expect(await cache.digestOf('m-1')).toBe(digest(1));
      expect(await cache.has(digest(1))).toBe(true);
      expect(readFileSync(path.join(cache.directoryOf(digest(1)), 'model.onnx'))).toHaveLength(KILOBYTE);
    });

    it('is not there before it is adopted, and a discarded download leaves nothing', async () => {
      const download = await cache.createDownload();
      writeFileSync(path.join(download, 'model.onnx'), 'half of a mod');
      expect(versionsIn(root)).toEqual([]);
      await cache.discard(download);
      expect(readdirSync(path.join(root, 'downloads'))).toEqual([]);
    });

    it('may be adopted by many processes together', async () => {
      await Promise.all(Array.from({ length: 8 }, () => adopt(1, { to: cacheOf() })));
      expect(versionsIn(root)).toEqual([1]);
      expect(readdirSync(path.join(root, 'downloads'))).toEqual([]);
      expect(await cache.digestOf('m-1')).toBe(digest(1));
    });

    it('may have the bytes of another, which are stored once', async () => {
      await adopt(1);
      const download = await cache.createDownload();
      await cache.adopt(download, 'm-same-bytes', digest(1));
      expect(await cache.digestOf('m-same-bytes')).toBe(digest(1));
      expect(readFileSync(path.join(cache.directoryOf(digest(1)), 'model.onnx'))).toHaveLength(KILOBYTE);
    });

    it('that was dropped is not there, but what its digest was is still known', async () => {
      await adopt(1);
      await cache.drop(digest(1));
      expect(await cache.has(digest(1))).toBe(false);
      expect(await cache.digestOf('m-1')).toBe(digest(1));
    });
  });

  describe('What served last', () => {
    beforeEach(() => adopt(1));

    it('outlives the process, for each MODEL_URI', async () => {
      await cache.writeState({ ...state(1), pinned: true });
      await cache.writeState(state(1, undefined, 'file:other'));
      expect(await cacheOf().readState(MODEL_URI)).toEqual({ ...state(1), pinned: true });
      expect(await cacheOf().readState('file:other')).toEqual(state(1, undefined, 'file:other'));
      expect(await cacheOf().readState('file:never-served')).toBeUndefined();
    });

    it.each(['', '{"uri":', '{}', '[]', '{"uri":"models:/credit-default-model@production","served":{}}'])(
      'counts as unknown when its file holds %j',
      async (text) => {
        await cache.writeState(state(1));
        const [file] = readdirSync(path.join(root, 'served'));
        writeFileSync(path.join(root, 'served', file!), text);
        expect(await cache.readState(MODEL_URI)).toBeUndefined();
        await adopt(2);
        await expect(cache.writeState(state(2))).resolves.toBeUndefined();
        expect(await cache.readState(MODEL_URI)).toEqual(state(2));
      },
    );
  });

  it('takes an identity whose file is damaged for one that was never seen', async () => {
    await adopt(1);
    const [file] = readdirSync(path.join(root, 'identities'));
    writeFileSync(path.join(root, 'identities', file!), '{"identity":"m-1"');
    expect(await cache.digestOf('m-1')).toBeUndefined();
  });

  describe('Over MODEL_CACHE_MAX_BYTES', () => {
    beforeEach(() => {
      cache = cacheOf({ MODEL_CACHE_MAX_BYTES: String(3 * KILOBYTE) });
    });

    it('removes the versions that served longest ago, and no more than needed', async () => {
      for (const version of [1, 2, 3, 4]) await adopt(version, { daysAgo: 10 - version });
      await cache.writeState(state(4, 3));
      expect(versionsIn(root)).toEqual([2, 3, 4]);
    });

    it('keeps what serves and what served before, of every MODEL_URI, even when that is too much', async () => {
      for (const version of [1, 2, 3]) await adopt(version, { daysAgo: 10 - version });
      await cache.writeState(state(1, 2, 'models:/other@production'));
      await adopt(4);
      await adopt(5, { daysAgo: 1 });
      await cache.writeState(state(4, 3));
      expect(versionsIn(root)).toEqual([1, 2, 3, 4]);
    });

    it('counts a version as used when it serves', async () => {
      for (const version of [1, 2, 3]) await adopt(version, { daysAgo: 10 - version });
      await cache.writeState(state(1));
      await cache.writeState(state(3));
      await adopt(4);
      await cache.writeState(state(4));
      expect(versionsIn(root)).toEqual([1, 3, 4]);
    });

    it('can hold a version again that it removed', async () => {
      for (const version of [1, 2, 3, 4]) await adopt(version, { daysAgo: 10 - version });
      await cache.writeState(state(4));
      expect(await cache.has(digest(1))).toBe(false);
      await adopt(1);
      expect(await cache.has(digest(1))).toBe(true);
    });
  });

  describe('Shared with processes that evict', () => {
    beforeEach(async () => {
      cache = cacheOf({ MODEL_CACHE_MAX_BYTES: String(2 * KILOBYTE) });
      for (const version of [1, 2, 3, 4]) await adopt(version, { daysAgo: 10 - version });
    });
    afterEach(() => void jest.restoreAllMocks());

    it('holds nobody up who adopts, drops or goes live meanwhile', async () => {
      const { evicted, goOn } = await slowEviction(cache);
      const other = cacheOf();
      await adopt(5, { to: other });
      await other.writeState(state(5, undefined, 'models:/other@production'));
      await other.drop(digest(3));
      goOn();
      await evicted;
      expect(versionsIn(root)).toEqual([4, 5]);
    });

    it('loses nothing that went live after the eviction had begun', async () => {
      const { evicted, goOn } = await slowEviction(cache);
      await cacheOf().writeState(state(2, undefined, 'models:/other@production'));
      goOn();
      await evicted;
      expect(versionsIn(root)).toEqual([2, 4]);
    });

    it('loses nothing that goes live at the very moment in which it is evicted', async () => {
      const { rename } = fs;
      jest.spyOn(fs, 'rename').mockImplementation(async (from, to) => {
        if (from === cache.directoryOf(digest(1))) {
          await cacheOf().writeState(state(1, undefined, 'models:/other@production'));
        }
        return rename(from, to);
      });
      await cache.writeState(state(4));
      expect(versionsIn(root)).toEqual([1, 4]);
      expect(readdirSync(path.join(root, 'downloads'))).toEqual([]);
    });

    it('says so when what goes live was evicted in the moment before', async () => {
      await cacheOf().drop(digest(4));
      await expect(cache.writeState(state(4))).rejects.toThrow('ENOENT');
    });

    it('is counted by what is left when others evict at the same time', async () => {
      await Promise.all(
        Array.from({ length: 8 }, () => cacheOf({ MODEL_CACHE_MAX_BYTES: String(2 * KILOBYTE) }).writeState(state(4))),
      );
      expect(versionsIn(root)).toEqual([3, 4]);
      expect(readdirSync(path.join(root, 'downloads'))).toEqual([]);
    });

    it('always has what serves, whatever many processes adopt, drop and evict together', async () => {
      const busy = (number: number) =>
        run(process.execPath, ['--input-type=module', '--eval', BUSY_PROCESS, root, String(number)]);
      await Promise.all([1, 2, 3].map(busy));
      for (const number of [1, 2, 3]) {
        const { served } = (await cache.readState(`models:/model-${number}@production`))!;
        expect(readFileSync(path.join(cache.directoryOf(served.digest), 'model.onnx'), 'utf8')).toBe(served.version);
      }
      expect(readdirSync(path.join(root, 'downloads'))).toEqual([]);
    });
  });

  it('keeps every version while it is within its bound', async () => {
    for (const version of [1, 2, 3, 4]) await adopt(version);
    await cache.writeState(state(4));
    expect(versionsIn(root)).toEqual([1, 2, 3, 4]);
  });

  describe('Opening', () => {
    it('can be done by many processes together', async () => {
      await expect(Promise.all(Array.from({ length: 30 }, () => cacheOf().open()))).resolves.toHaveLength(30);
    });

    it('removes downloads that a dead process left behind, and leaves those alone that may be under way', async () => {
      const abandoned = await cache.createDownload();
      const current = await cache.createDownload();
      utimesSync(abandoned, new Date(), new Date(Date.now() - DAY_MS));
      await cacheOf().open();
      expect(readdirSync(path.join(root, 'downloads'))).toEqual([path.basename(current)]);
    });

    it('fails naming MODEL_CACHE_DIR when that is a file', async () => {
      rmSync(root, { recursive: true });
      writeFileSync(root, '');
      await expect(cache.open()).rejects.toThrow(`MODEL_CACHE_DIR ${root} is not a writable directory`);
    });

    it('fails naming MODEL_CACHE_DIR when nothing can be written there', async () => {
      // Not by permissions, which do not hold for root: a folder is in the way of one of the cache's own.
      rmSync(path.join(root, 'served'), { recursive: true });
      writeFileSync(path.join(root, 'served'), '');
      await expect(cache.open()).rejects.toThrow(`MODEL_CACHE_DIR ${root} is not a writable directory`);
    });

    it('fails naming MODEL_CACHE_DIR when it is below what takes no directories', async () => {
      root = '/proc/no/such/directory';
      await expect(cacheOf().open()).rejects.toThrow(`MODEL_CACHE_DIR ${root} is not a writable directory`);
    });

    it('makes the directory, with those above it', async () => {
      root = path.join(root, 'a', 'b');
      await cacheOf().open();
      expect(versionsIn(root)).toEqual([]);
    });
  });
});
