import { cpSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { readModelDirectory } from '../../src/model-registry/model-directory.js';
import { eventually } from '../support/eventually.js';
import { FIXTURE_MODELS } from '../support/fixture-models.js';
import { type AppClient, followingApps, NEVER_POLL } from '../support/following-apps.js';

const apps = followingApps();
let client: AppClient;
let directory: string;

/** Puts the files of another model in the place of those that are there. */
const replaceFiles = (model: string) => cpSync(model, directory, { recursive: true });
const versionOf = async (model: string) => (await readModelDirectory(model)).digest.slice(0, 12);
const serves = (version: string) => eventually(async () => expect(await client.version()).toBe(version));

describe('A local model directory', () => {
  let first: string;
  let env: Record<string, string>;

  beforeEach(async () => {
    first = await apps.modelDirectory(1);
    directory = path.join(apps.temporaryDirectory(), 'model');
    replaceFiles(first);
    env = { ...NEVER_POLL, MODEL_URI: `file:${directory}`, MODEL_CACHE_DIR: apps.temporaryDirectory() };
    client = await apps.start(env);
  });

  it('serves by the digest of its files as the version', async () => {
    expect((await client.predict()).body.model).toMatchObject({
      name: 'model',
      version: await versionOf(first),
      alias: null,
      digest: (await readModelDirectory(first)).digest,
    });
  });

  it('serves what it holds once its files are replaced, without a restart and without polling', async () => {
    const second = await apps.modelDirectory(2);
    replaceFiles(second);
    await serves(await versionOf(second));
    expect(await client.lastEvent('file-change')).toMatchObject({ result: 'swapped' });
    expect((await client.predict()).body.threshold).toBe(0.302);
  });

  it('is followed when another directory takes its place, and so are the files of that one', async () => {
    const next = await apps.modelDirectory(2);
    renameSync(directory, `${next}-before`);
    renameSync(next, directory);
    await serves(await versionOf(directory));
    const third = await apps.modelDirectory(3);
    replaceFiles(third);
    await serves(await versionOf(third));
    expect((await client.predict()).body.threshold).toBe(0.303);
  });

  it('is followed through a symbolic link that is set anew', async () => {
    await apps.stop(client);
    const link = path.join(apps.temporaryDirectory(), 'current');
    symlinkSync(directory, link);
    client = await apps.start({ ...env, MODEL_URI: `file:${link}` });
    directory = await apps.modelDirectory(2);
    symlinkSync(directory, `${link}-next`);
    renameSync(`${link}-next`, link);
    await serves(await versionOf(directory));
    const third = await apps.modelDirectory(3);
    replaceFiles(third);
    await serves(await versionOf(third));
    expect((await client.predict()).body.threshold).toBe(0.303);
  });

  it('is followed when it is taken away for a while', async () => {
    const second = await apps.modelDirectory(2);
    rmSync(directory, { recursive: true });
    await eventually(async () => {
      expect((await client.get('/meta')).body.registry.lastError).toMatch(/Cannot read the model directory/);
    });
    replaceFiles(second);
    await serves(await versionOf(second));
  });

  it('goes on serving what it held when its files become a model that must not serve', async () => {
    replaceFiles(`${FIXTURE_MODELS}/known-rows-off`);
    expect(await client.lastEvent('file-change')).toMatchObject({
      result: 'rejected',
      reason: expect.stringContaining('Known row 31 of 32'),
    });
    expect(await client.version()).toBe(await versionOf(first));
    expect((await client.get('/health')).body.details.registry.status).toBe('degraded');
  });

  it('goes on serving what it held when its files are removed, and takes them back', async () => {
    rmSync(path.join(directory, 'MLmodel'));
    await eventually(async () => {
      expect((await client.get('/meta')).body.registry.lastError).toMatch(/No MLmodel file/);
    });
    expect(await client.version()).toBe(await versionOf(first));
    replaceFiles(first);
    await eventually(async () => {
      expect((await client.get('/meta')).body.registry.lastError).toBeNull();
    });
  });

  it('can be rolled back to what its files were before', async () => {
    const second = await apps.modelDirectory(2);
    replaceFiles(second);
    await serves(await versionOf(second));
    expect((await client.post('/admin/model/rollback')).body).toMatchObject({ result: 'rolled-back' });
    expect((await client.predict()).body).toMatchObject({
      threshold: 0.301,
      model: { version: await versionOf(first) },
    });
    expect((await client.post('/admin/model/unpin')).body).toMatchObject({ result: 'unpinned' });
    expect(await client.version()).toBe(await versionOf(second));
  });

  it('is served from the cache after a restart on which it is broken', async () => {
    await apps.stop(client);
    rmSync(path.join(directory, 'model.onnx'));
    client = await apps.start(env);
    expect(await client.version()).toBe(await versionOf(first));
    expect((await client.get('/health')).body.details.registry.status).toBe('degraded');
  });
});
