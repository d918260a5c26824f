import { appendFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { FakeModelSource } from '../../../test/fakes/fake-model-source.js';
import { ageTrials, loadingProcesses } from '../../../test/support/loading-processes.js';
import { type RegistryProcess, registryLauncher } from '../../../test/support/registry-process.js';
import { ProcessLock } from '../../common/process-lock.js';
import { readModelDirectory } from '../model-directory.js';
import { ModelRejectedError } from '../model-rejected.error.js';
import type { ServedModel } from '../served-model.js';
import type { ResolvedVersion } from '../source/model-source.js';

const HOUR_MS = 3_600_000;

const signal = new AbortController().signal;

const digestOf = async (model: string) => (await readModelDirectory(model)).digest;

async function expectRefusal(attempt: Promise<unknown>, reason: RegExp) {
  await expect(attempt).rejects.toThrow(reason);
  await expect(attempt).rejects.toBeInstanceOf(ModelRejectedError);
}

const { readFile } = fs;
const tooManyOpenFiles = Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });

/** @param prefix in place of what begins the names of this machine's */
function copyTrial(cache: string, times: number, prefix?: string): void {
  const root = path.join(cache, 'loading');
  const folder = path.join(root, readdirSync(root)[0]!);
  const [name] = readdirSync(folder);
  for (let i = 0; i < times; i++) writeFileSync(path.join(folder, `${prefix ?? name}${i}`), '');
}

describe('VersionPreparer', () => {
  const launcher = registryLauncher();
  let source: FakeModelSource;
  let directory: string;
  let ownCache: string;
  let process: RegistryProcess;

  async function start(env: Record<string, string> = {}) {
    ownCache = launcher.temporaryDirectory();
    process = await launcher.start(source, { MODEL_CACHE_DIR: ownCache, ...env });
    await process.cache.open();
  }

  /** Prepares version 1, and frees it: what is asserted is how it came about. */
  async function prepare(changes: Partial<ResolvedVersion> = {}): Promise<ServedModel> {
    source.register('1', directory, changes);
    source.moveAlias('1');
    const model = await process.preparer.prepare(await source.resolve(signal), source.uri, signal);
    await model.runner.dispose();
    return model;
  }

  const restore = async ({ ref, identity, digestVouched, tags }: ServedModel) => {
    const cached = { ...ref, identity, digestVouched, tags, inputNames: [] };
    const model = await process.preparer.restore(cached, source.uri);
    await model.runner.dispose();
    return model;
  };

  beforeEach(async () => {
    source = new FakeModelSource();
    directory = await launcher.model();
    await start();
  });
  afterEach(() => void jest.restoreAllMocks());

  describe('A version that processes died of', () => {
    const processes = loadingProcesses();
    const die = () => processes.die(ownCache, 'm-1');

    it('is not tried a third time', async () => {
      await die();
      await die();
      await expectRefusal(prepare(), /^2 processes have ended while they loaded this version or tried it/);
    });

    it('is tried once more after one death, and forgiven when it comes through', async () => {
      await die();
      await prepare();
      await die();
      await expect(prepare()).resolves.toBeDefined();
    });

    it('is forgiven when it comes through out of the cache, too', async () => {
      const prepared = await prepare();
      await die();
      await die();
      await restore(prepared);
      await expect(prepare()).resolves.toBeDefined();
    });

    it('is not taken for one that others load at this moment, however slow they are', async () => {
      await Promise.all([1, 2, 3].map(() => processes.load(ownCache, 'm-1')));
      ageTrials(ownCache, HOUR_MS);
      await expect(prepare()).resolves.toBeDefined();
    });

    it('is tried again an hour after the second death, and two hours after the third', async () => {
      await die();
      await die();
      ageTrials(ownCache, HOUR_MS);
      await die();
      const attempt = prepare();
      await expectRefusal(attempt, /^3 processes have ended .* It is tried again after 20.*Z; POST .* at once/);
      ageTrials(ownCache, HOUR_MS);
      await expectRefusal(prepare(), /^3 processes have ended/);
      ageTrials(ownCache, 2 * HOUR_MS);
      await expect(prepare()).resolves.toBeDefined();
    });

    it('is tried again a day after the last of many deaths', async () => {
      await die();
      copyTrial(ownCache, 12);
      ageTrials(ownCache, 23 * HOUR_MS);
      await expectRefusal(prepare(), /^13 processes have ended/);
      ageTrials(ownCache, 24 * HOUR_MS);
      await expect(prepare()).resolves.toBeDefined();
    });

    it('is not blamed for what became of processes on other machines, whose locks may not be seen here', async () => {
      await die();
      copyTrial(ownCache, 2, 'another-machine-');
      await expect(prepare()).resolves.toBeDefined();
    });

    it('is tried where nothing can be locked, since nobody can be said to have died there', async () => {
      jest.spyOn(ProcessLock, 'take').mockReturnValue(undefined);
      await expect(prepare()).resolves.toBeDefined();
      expect(readdirSync(path.join(ownCache, 'downloads'))).toEqual([]);
    });
  });

  it('gives a model that knows where it came from, and leaves its files in the cache', async () => {
    const digest = await digestOf(directory);
    expect(await prepare({ runId: 'run-1' })).toMatchObject({
      ref: { name: 'credit-default-model', version: '1', alias: 'production', digest },
      identity: 'm-1',
      runId: 'run-1',
      digestVouched: false,
      sourceUri: source.uri,
    });
    expect(await digestOf(process.cache.directoryOf(digest))).toBe(digest);
  });

  it('takes a version that it has seen from the cache', async () => {
    await prepare();
    rmSync(directory, { recursive: true });
    await expect(prepare()).resolves.toMatchObject({ ref: { version: '1' } });
  });

  it('downloads a version again whose cached files are damaged', async () => {
    const { ref } = await prepare();
    appendFileSync(path.join(process.cache.directoryOf(ref.digest), 'MLmodel'), '# damage\n');
    await expect(prepare()).resolves.toMatchObject({ ref });
    expect(await digestOf(process.cache.directoryOf(ref.digest))).toBe(ref.digest);
  });

  it('keeps cached files that cannot be read just now, and takes them the next time', async () => {
    const { ref } = await prepare();
    rmSync(directory, { recursive: true });
    jest.spyOn(fs, 'readFile').mockImplementation((file, options) => {
      if ((file as string).endsWith('/MLmodel')) return Promise.reject(tooManyOpenFiles);
      return readFile(file, options);
    });
    const attempt = process.preparer.prepare(await source.resolve(signal), source.uri, signal);
    await expect(attempt).rejects.toThrow(/cannot be read just now/);
    await expect(attempt).rejects.not.toBeInstanceOf(ModelRejectedError);
    jest.restoreAllMocks();
    await expect(prepare()).resolves.toMatchObject({ ref });
  });

  it('downloads a version again whose cached files are gone', async () => {
    const { ref } = await prepare();
    await process.cache.drop(ref.digest);
    await expect(prepare()).resolves.toMatchObject({ ref });
  });

  it('refuses other bytes under an identity that it has seen', async () => {
    const { ref } = await prepare();
    await process.cache.drop(ref.digest);
    directory = await launcher.model();
    await expectRefusal(prepare(), /not those it had when it was first seen/);
  });

  it('leaves no download behind, whether it succeeds or fails', async () => {
    const cacheDirectory = launcher.temporaryDirectory();
    await start({ MODEL_CACHE_DIR: cacheDirectory });
    await prepare();
    writeFileSync(path.join(directory, 'MLmodel'), '{');
    await expectRefusal(prepare({ identity: 'm-2' }), /not readable as YAML/);
    expect(readdirSync(path.join(cacheDirectory, 'downloads'))).toEqual([]);
  });

  it('says that the registry vouched for the bytes when the tag fits them', async () => {
    expect(await prepare({ expectedDigest: await digestOf(directory) })).toMatchObject({ digestVouched: true });
  });

  it('refuses bytes that are not those of the tag, downloaded or cached', async () => {
    const expectedDigest = '0'.repeat(64);
    await expectRefusal(prepare({ expectedDigest }), /not the one in the version's sha256 tag/);
    await prepare();
    await expectRefusal(prepare({ expectedDigest }), /not the one in the version's sha256 tag/);
  });

  it('with MODEL_REQUIRE_DIGEST refuses a version without a tag, and takes one whose tag fits', async () => {
    await start({ MODEL_REQUIRE_DIGEST: 'true' });
    await expectRefusal(prepare(), /has no sha256 tag, which MODEL_REQUIRE_DIGEST asks for/);
    await expect(prepare({ expectedDigest: await digestOf(directory) })).resolves.toMatchObject({
      digestVouched: true,
    });
  });

  describe('restoring', () => {
    it('needs the cache alone', async () => {
      const prepared = await prepare({ expectedDigest: await digestOf(directory) });
      rmSync(directory, { recursive: true });
      expect(await restore(prepared)).toMatchObject({ ref: prepared.ref, identity: 'm-1', digestVouched: true });
    });

    it('refuses files that are damaged or gone', async () => {
      const prepared = await prepare();
      appendFileSync(path.join(process.cache.directoryOf(prepared.ref.digest), 'MLmodel'), '# damage\n');
      await expectRefusal(restore(prepared), /cached files are damaged/);
      await process.cache.drop(prepared.ref.digest);
      await expectRefusal(restore(prepared), /no longer in the cache: pin the version/);
    });
  });
});
