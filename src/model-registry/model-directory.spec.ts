import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { FIXTURE_MODELS } from '../../test/support/fixture-models.js';
import { temporaryDirectories } from '../../test/support/temporary-directory.js';
import { manifestDigest, readIntact, readModelDirectory } from './model-directory.js';
import { ModelRejectedError } from './model-rejected.error.js';

const temporaryDirectory = temporaryDirectories();

/** A copy of a model directory, which a test may change. */
function copyOfModel(): string {
  const directory = temporaryDirectory();
  cpSync(`${FIXTURE_MODELS}/lightgbm-small`, directory, { recursive: true });
  return directory;
}

const digestOf = async (directory: string) => (await readModelDirectory(directory)).digest;

const exampleRowsWith = async (name: string, content: string) => {
  const directory = copyOfModel();
  for (const file of ['input_example.json', 'serving_input_example.json']) rmSync(path.join(directory, file));
  writeFileSync(path.join(directory, name), content);
  return (await readModelDirectory(directory)).exampleRows;
};

const tooManyOpenFiles = () => Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });

afterEach(() => void jest.restoreAllMocks());

describe('readModelDirectory', () => {
  it('gives the bytes of the ONNX file in memory that threads can share', async () => {
    const { onnx, mlmodel } = await readModelDirectory(`${FIXTURE_MODELS}/truncated`);
    expect(mlmodel.onnxPath).toBe('model.onnx');
    expect(onnx.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(onnx.byteLength).toBeGreaterThan(0);
  });

  it('gives copies of a directory the same digest', async () => {
    expect(await digestOf(copyOfModel())).toBe(await digestOf(`${FIXTURE_MODELS}/lightgbm-small`));
  });

  it.each([
    ['a byte of any file', (directory: string) => writeFileSync(path.join(directory, 'input_example.json'), '[]')],
    [
      'a name',
      (directory: string) => renameSync(path.join(directory, 'expected.json'), path.join(directory, 'x.json')),
    ],
    ['a file less', (directory: string) => rmSync(path.join(directory, 'expected.json'))],
    [
      'a file more, in a directory below',
      (directory: string) => {
        mkdirSync(path.join(directory, 'extra'));
        writeFileSync(path.join(directory, 'extra/notes.txt'), '');
      },
    ],
  ])('gives another digest for %s', async (_what, change) => {
    const directory = copyOfModel();
    const before = await digestOf(directory);
    change(directory);
    expect(await digestOf(directory)).not.toBe(before);
  });

  describe('the rows of the input example', () => {
    it('come in the order of the model', async () => {
      expect((await readModelDirectory(copyOfModel())).exampleRows).toEqual([[200, 0.5, 1]]);
      const frame = '{"columns": ["months_late", "utilisation", "credit_limit"], "data": [[1, NaN, 200]]}';
      expect(await exampleRowsWith('input_example.json', frame)).toEqual([[200, null, 1]]);
    });

    it('may lie in the form that MLflow sends alone', async () => {
      expect(await exampleRowsWith('serving_input_example.json', '{"inputs": [[200, 0.5, 1]]}')).toEqual([
        [200, 0.5, 1],
      ]);
    });

    it('are none where there is no table of numbers, or a whole data set', async () => {
      expect(await exampleRowsWith('input_example.json', '"cat.png"')).toEqual([]);
      const dataSet = JSON.stringify(Array.from({ length: 100_000 }, () => [200, 0.5, 1]));
      expect(await exampleRowsWith('input_example.json', dataSet)).toEqual([]);
    });
  });

  it('finds an ONNX file in a directory below', async () => {
    const directory = temporaryDirectory();
    mkdirSync(path.join(directory, 'data'));
    writeFileSync(path.join(directory, 'MLmodel'), 'flavors: { onnx: { data: data/model.onnx } }');
    writeFileSync(path.join(directory, 'data/model.onnx'), 'onnx');
    expect(Buffer.from((await readModelDirectory(directory)).onnx).toString()).toBe('onnx');
  });

  it('refuses a directory without MLmodel before it walks it, however large', async () => {
    await expect(readModelDirectory('/')).rejects.toThrow(/No MLmodel file: MODEL_URI must name/);
  });

  it.each([
    ['that is not there', 'no/such/directory', /no\/such\/directory \(ENOENT\): check MODEL_URI/],
    ['that is a file', 'package.json', /package\.json \(ENOTDIR\): check MODEL_URI/],
  ])('refuses a directory %s', async (_what, directory, message) => {
    const refusal = readModelDirectory(directory);
    await expect(refusal).rejects.toBeInstanceOf(ModelRejectedError);
    await expect(refusal).rejects.toThrow(message);
  });

  it('does not blame the model for what ails this machine', async () => {
    jest.spyOn(fs, 'readFile').mockRejectedValueOnce(tooManyOpenFiles());
    const error = await readModelDirectory(copyOfModel()).catch((thrown: unknown) => thrown);
    expect(error).not.toBeInstanceOf(ModelRejectedError);
    expect(error).toHaveProperty('message', expect.stringMatching(/cannot be read just now \(EMFILE\)/));
  });
});

describe('readIntact', () => {
  it('gives the files while they are those that were stored', async () => {
    const directory = copyOfModel();
    const digest = await digestOf(directory);
    expect(await readIntact(directory, digest)).toMatchObject({ digest });
    writeFileSync(path.join(directory, 'input_example.json'), '[]');
    expect(await readIntact(directory, digest)).toBeUndefined();
    rmSync(path.join(directory, 'MLmodel'));
    expect(await readIntact(directory, digest)).toBeUndefined();
  });

  it('does not take files for damaged that cannot be read just now', async () => {
    const directory = copyOfModel();
    const digest = await digestOf(directory);
    jest.spyOn(fs, 'readFile').mockRejectedValueOnce(tooManyOpenFiles());
    await expect(readIntact(directory, digest)).rejects.toThrow(/just now/);
  });
});

describe('manifestDigest', () => {
  const manifest = [
    { path: 'model.onnx', sizeBytes: 4, sha256: 'aa' },
    { path: 'MLmodel', sizeBytes: 3, sha256: 'bb' },
  ];

  it('is the SHA-256 of one line per file, sorted by path in code point order', () => {
    const lines = 'bb 3 MLmodel\naa 4 model.onnx\n';
    expect(manifestDigest(manifest)).toBe(createHash('sha256').update(lines).digest('hex'));
  });

  it('does not depend on the order in which files were read', () => {
    expect(manifestDigest(manifest.toReversed())).toBe(manifestDigest(manifest));
  });

  it.each([
    ['path', { path: 'model2.onnx' }],
    ['size', { sizeBytes: 5 }],
    ['hash', { sha256: 'ab' }],
  ])('changes with the %s of a file', (_what, change) => {
    expect(manifestDigest([{ ...manifest[0]!, ...change }, manifest[1]!])).not.toBe(manifestDigest(manifest));
  });

  it('is what ml/register.py computes: ml/tests/test_manifest.py has the same files and digest', () => {
    const files: Record<string, string> = {
      MLmodel: 'flavors: {}\n',
      'data-1': 'x',
      'data/empty': '',
      'data/\u00e9/\uff46': 'y',
      'data/\u00e9/\u{1d54f}': 'z',
      'model.onnx': '\u0000\u0001\u0002',
    };
    const entries = Object.entries(files).map(([file, content]) => ({
      path: file,
      sizeBytes: Buffer.byteLength(content),
      sha256: createHash('sha256').update(content).digest('hex'),
    }));
    expect(manifestDigest(entries)).toBe('6d4ec406c0c7c315b08784427373ff087cc4af62a96afa6d9f20f70590906b7b');
  });
});
