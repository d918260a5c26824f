import { readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { temporaryDirectories } from '../../../test/support/temporary-directory.js';
import { testConfig } from '../../../test/support/test-config.js';
import { type CachedVersion, ModelCache, type ServedState } from './model-cache.js';

const MODEL_URI = 'models:/credit-default-model@production';
const DAY_MS = 86_400_000;
const KILOBYTE = 1000;

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
