import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ArtifactFile, ArtifactStore } from './artifact-store.js';
import { downloadArtifacts, type DownloadLimits } from './download-artifacts.js';

const never = new AbortController().signal;

/** Bytes of a stream that gives some and then nothing more, without an end. */
const hanging = (text: string): Readable => {
  const stream = new Readable({ read: () => undefined });
  stream.push(Buffer.from(text));
  return stream;
};

class FakeStore implements ArtifactStore {
  readonly opened: Readable[] = [];

  constructor(
    private readonly files: ArtifactFile[],
    private readonly bodyOf: (path: string) => Readable,
  ) {}

  async list(): Promise<ArtifactFile[]> {
    return this.files;
  }

  async read(_uri: string, file: string): Promise<Readable> {
    const body = this.bodyOf(file);
    this.opened.push(body);
    return body;
  }
}

const storeOf = (contents: Record<string, string>): FakeStore =>
  new FakeStore(
    Object.entries(contents).map(([file, text]) => ({ path: file, sizeBytes: Buffer.byteLength(text) })),
    (file) => Readable.from([Buffer.from(contents[file]!)]),
  );

describe('downloadArtifacts', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'download-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  const download = (store: ArtifactStore, limits: Partial<DownloadLimits> = {}, signal = never) =>
    downloadArtifacts(
      store,
      's3://bucket/model',
      directory,
      { maxBytes: 1000, timeoutMs: 60_000, stallTimeoutMs: 60_000, ...limits },
      signal,
    );

  it('brings every file, in folders too', async () => {
    await download(
      storeOf({ MLmodel: 'flavors: {}', 'model.onnx': 'bytes', 'code/deep/a b.py': '', 'code/x.py': 'x' }),
    );
    const files = await readdir(directory, { recursive: true, withFileTypes: true });
    expect(files.filter((entry) => entry.isFile())).toHaveLength(4);
    expect(await readFile(path.join(directory, 'model.onnx'), 'utf8')).toBe('bytes');
    expect(await readFile(path.join(directory, 'code/deep/a b.py'), 'utf8')).toBe('');
  });

  it('refuses a version without files', async () => {
    await expect(download(storeOf({}))).rejects.toMatchObject({ failure: 'not-found' });
  });

  it.each([
    '/etc/passwd',
    '../MLmodel',
    'code/../../MLmodel',
    './MLmodel',
    'code//x.py',
    'code\\x.py',
    'x\0.py',
    '..',
    '',
  ])('refuses the path %j and asks for no file', async (unsafe) => {
    const store = storeOf({ MLmodel: 'flavors: {}', [unsafe]: 'x' });
    await expect(download(store)).rejects.toMatchObject({ failure: 'invalid-reply' });
    expect(store.opened).toEqual([]);
    expect(await readdir(directory)).toEqual([]);
  });

  it('refuses one path in two spellings of Unicode', async () => {
    await expect(download(storeOf({ 'é.txt': 'a', 'e\u0301.txt': 'b' }))).rejects.toMatchObject({
      failure: 'invalid-reply',
    });
  });

  it('refuses more than 1000 files', async () => {
    const files = Array.from({ length: 1001 }, (_, i) => [`${i}.txt`, '']);
    await expect(download(storeOf(Object.fromEntries(files)))).rejects.toMatchObject({ failure: 'too-large' });
  });

  it('refuses more bytes than allowed before it asks for any', async () => {
    const store = storeOf({ a: 'x'.repeat(600), b: 'x'.repeat(401) });
    await expect(download(store)).rejects.toMatchObject({
      failure: 'too-large',
      message: 'The files at s3://bucket/model have 1001 bytes together, MODEL_MAX_BYTES allows 1000.',
    });
    expect(store.opened).toEqual([]);
  });

  it.each([
    ['shorter', 4, 'model.onnx has 5 bytes in the list of files, but only 4 came.'],
    ['longer', 6, 'model.onnx has 5 bytes in the list of files, but more came.'],
  ])('refuses a file that is %s than the list says', async (_, length, message) => {
    const store = new FakeStore([{ path: 'model.onnx', sizeBytes: 5 }], () => Readable.from([Buffer.alloc(length)]));
    await expect(download(store)).rejects.toMatchObject({ failure: 'incomplete', message });
  });

  it('stops reading a file at the size that the list says', async () => {
    const endless = new Readable({
      read() {
        this.push(Buffer.alloc(1000));
      },
    });
    const store = new FakeStore([{ path: 'model.onnx', sizeBytes: 5 }], () => endless);
    await expect(download(store)).rejects.toMatchObject({ failure: 'incomplete' });
    expect(endless.destroyed).toBe(true);
  });

  it('gives up on a file that stops arriving', async () => {
    const store = new FakeStore([{ path: 'model.onnx', sizeBytes: 100 }], () => hanging('half'));
    await expect(download(store, { stallTimeoutMs: 30 })).rejects.toMatchObject({
      failure: 'timeout',
      message: 'model.onnx stopped arriving for 30 ms.',
    });
    expect(store.opened.map((body) => body.destroyed)).toEqual([true]);
  });

  it('gives up on a download that takes too long though bytes keep coming', async () => {
    const trickle = new Readable({
      read() {
        setTimeout(() => this.push(Buffer.alloc(1)), 10);
      },
    });
    const store = new FakeStore([{ path: 'model.onnx', sizeBytes: 1000 }], () => trickle);
    await expect(download(store, { timeoutMs: 60, stallTimeoutMs: 1000 })).rejects.toMatchObject({
      failure: 'timeout',
      message: 'The download from s3://bucket/model took longer than 60 ms.',
    });
    expect(trickle.destroyed).toBe(true);
  });

  it("ends with the caller's reason when the caller gives up", async () => {
    const caller = new AbortController();
    const store = new FakeStore([{ path: 'model.onnx', sizeBytes: 100 }], () => {
      setTimeout(() => caller.abort(new Error('shutting down')), 10);
      return hanging('half');
    });
    await expect(download(store, {}, caller.signal)).rejects.toThrow('shutting down');
    expect(store.opened.map((body) => body.destroyed)).toEqual([true]);
  });

  it('ends the other files when one fails, and throws what failed first', async () => {
    const files = ['a', 'b', 'broken', 'c', 'never asked for'].map((file) => ({ path: file, sizeBytes: 10 }));
    const store = new FakeStore(files, (file) =>
      file === 'broken' ? Readable.from([Buffer.alloc(1)]) : hanging('half'),
    );
    await expect(download(store)).rejects.toMatchObject({ message: expect.stringContaining('broken has 10 bytes') });
    expect(store.opened).toHaveLength(4);
    expect(store.opened.every((body) => body.destroyed)).toBe(true);
  });

  it('tells of a directory that cannot be written to', async () => {
    await expect(download(storeOf({ MLmodel: 'x', 'MLmodel/below': 'x' }))).rejects.toMatchObject({
      code: expect.stringMatching(/EEXIST|ENOTDIR|EISDIR/),
    });
  });
});
