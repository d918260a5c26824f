import { appendFile, cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readModelDirectory } from '../model-directory.js';
import { LocalModelSource } from './local-model-source.js';

describe('LocalModelSource', () => {
  let directory: string;
  beforeEach(async () => {
    directory = path.join(await mkdtemp(path.join(tmpdir(), 'source-')), 'my-model');
  });
  afterEach(() => rm(path.dirname(directory), { recursive: true }));

  async function sourceOf(fixture: string): Promise<LocalModelSource> {
    await cp(`test/fixtures/models/${fixture}`, directory, { recursive: true });
    return new LocalModelSource(`file:${directory}`, directory);
  }

  it('names the version by its bytes and the model by its directory', async () => {
    const version = await (await sourceOf('sklearn-plain')).resolve();
    const { digest } = await readModelDirectory(directory);
    expect(version).toMatchObject({
      identity: `sha256:${digest}`,
      name: 'my-model',
      version: digest.slice(0, 12),
      alias: null,
      artifactUri: `file:${directory}`,
      expectedDigest: digest,
    });
  });

  it('takes any change of a file for another version', async () => {
    const source = await sourceOf('sklearn-plain');
    const before = await source.resolve();
    await appendFile(path.join(directory, 'MLmodel'), '\n');
    expect((await source.resolve()).identity).not.toBe(before.identity);
    expect(source.canMove).toBe(true);
  });

  it('has no versions to pin', async () => {
    await expect((await sourceOf('sklearn-plain')).resolveVersion('1')).rejects.toMatchObject({ failure: 'not-found' });
  });
});
