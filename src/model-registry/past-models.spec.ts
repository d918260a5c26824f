import { appendFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import { FakeModelSource } from '../../test/fakes/fake-model-source.js';
import { FIXTURE_MODELS } from '../../test/support/fixture-models.js';
import { type RegistryProcess, registryLauncher } from '../../test/support/registry-process.js';
import { readModelDirectory } from './model-directory.js';
import type { PastModels } from './past-models.js';
import { RegistryError } from './registry-error.js';

const digestOf = async (model: string) => (await readModelDirectory(model)).digest;

const NAME = 'credit-default-model';

describe('PastModels', () => {
  const launcher = registryLauncher();
  let source: FakeModelSource;
  let process: RegistryProcess;
  let cacheDirectory: string;
  const directories: Record<string, string> = {};

  const refOf = async (version: string) => ({
    name: NAME,
    version,
    digest: await digestOf(directories[version]!),
    defaultClass: { label: '1', from: 'labels' as const },
  });

  /** What it is given to score with, and whether that is freed afterwards. */
  async function useOf(ref: Parameters<PastModels['use']>[0]) {
    let freed: unknown;
    const model = await process.pastModels.use(ref, async (given) => {
      freed = jest.spyOn(given.runner, 'dispose');
      const { probabilities } = await given.runner.score(new Float32Array(given.runner.width), 1);
      expect(probabilities).toHaveLength(1);
      return given;
    });
    return { model, freed: (freed as jest.Mock).mock.calls.length > 0 };
  }

  const use = async (version: string) => useOf(await refOf(version));

  const kept = (folder: string) => readdirSync(path.join(cacheDirectory, folder));

  beforeEach(async () => {
    source = new FakeModelSource();
    for (const version of ['1', '2']) {
      directories[version] = await launcher.model();
      source.register(version, directories[version]);
    }
    cacheDirectory = launcher.temporaryDirectory();
    process = await launcher.start(source, { MODEL_CACHE_DIR: cacheDirectory });
    source.moveAlias('2');
    await process.follower.start();
  });

  it('gives the live model when its bytes are those, and leaves it alone', async () => {
    expect(await use('2')).toEqual({ model: process.activeModel.current(), freed: false });
  });

  it('loads a version from the cache with the registry away, and frees it', async () => {
    source.moveAlias('1');
    await process.follower.look('poll');
    source.failWith(new RegistryError('unreachable', 'MLflow cannot be reached.'));
    expect(await use('2')).toMatchObject({ freed: true });
    expect(process.liveVersion()).toBe('1');
  });

  it('loads a version from the registry that is not in the cache, and leaves neither it nor a download there', async () => {
    expect(await use('1')).toMatchObject({ freed: true });
    expect(kept('versions')).toEqual([await digestOf(directories['2']!)]);
    expect(kept('downloads')).toEqual([]);
    expect(process.liveVersion()).toBe('2');
  });

  it('asks the registry when the cached files are damaged', async () => {
    source.moveAlias('1');
    await process.follower.look('poll');
    const ref = await refOf('2');
    appendFileSync(path.join(process.cache.directoryOf(ref.digest), 'MLmodel'), '# damage\n');
    expect(await use('2')).toMatchObject({ freed: true });
  });

  it('frees the model also when scoring fails', async () => {
    let freed: unknown;
    const attempt = process.pastModels.use(await refOf('1'), async ({ runner }) => {
      freed = jest.spyOn(runner, 'dispose');
      throw new Error('scoring failed');
    });
    await expect(attempt).rejects.toThrow('scoring failed');
    expect(freed).toHaveBeenCalledTimes(1);
  });

  it.each([
    ['the registry has no such version', { version: '9' }, /There is no version 9/],
    ['another model has its name', { name: 'another-model' }, /version 1 now is another model/],
    ['other bytes have its number', { digest: '0'.repeat(64) }, /version 1 now is another model/],
  ])('says MODEL_GONE when %s', async (_why, changes, detail) => {
    const attempt = process.pastModels.use({ ...(await refOf('1')), ...changes }, async () => undefined);
    await expect(attempt).rejects.toMatchObject({ code: 'MODEL_GONE', message: expect.stringMatching(detail) });
    expect(kept('downloads')).toEqual([]);
  });

  it('says MODEL_GONE when the model cannot be run any more', async () => {
    directories['3'] = `${FIXTURE_MODELS}/string-input`;
    source.register('3', directories['3']);
    await expect(use('3')).rejects.toMatchObject({
      code: 'MODEL_GONE',
      message: expect.stringMatching(/^This release cannot run the model any more\. \S/),
    });
  });

  it('downloads nothing when the tag of the version names other bytes', async () => {
    const ref = await refOf('1');
    source.register('1', '/does/not/exist', { expectedDigest: '0'.repeat(64) });
    const attempt = process.pastModels.use(ref, async () => undefined);
    await expect(attempt).rejects.toMatchObject({ code: 'MODEL_GONE' });
  });

  it('says REGISTRY_UNAVAILABLE, and when to come back, when the registry cannot be asked', async () => {
    source.failWith(new RegistryError('unreachable', 'MLflow cannot be reached.'));
    await expect(use('1')).rejects.toMatchObject({
      code: 'REGISTRY_UNAVAILABLE',
      message: expect.stringContaining('MLflow cannot be reached.'),
      retryAfterSeconds: 10,
    });
  });

  it('is OVERLOADED while another one is under way, and no longer', async () => {
    const ref = await refOf('1');
    const letGo = source.hold();
    const first = useOf(ref);
    await expect(useOf(ref)).rejects.toMatchObject({ code: 'OVERLOADED', retryAfterSeconds: 1 });
    letGo();
    await expect(first).resolves.toMatchObject({ freed: true });
    await expect(use('1')).resolves.toMatchObject({ freed: true });
  });

  it('is broken off by a shutdown', async () => {
    source.hold();
    const attempt = use('1').catch((error: unknown) => error);
    process.pastModels.onApplicationShutdown();
    expect(await attempt).toMatchObject({ name: 'AbortError' });
  });
});
