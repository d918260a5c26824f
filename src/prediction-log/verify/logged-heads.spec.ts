import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { temporaryDirectories } from '../../../test/support/temporary-directory.js';
import { readHeads } from './logged-heads.js';

const WRITER = '0f0e0d0c-0b0a-4908-8706-050403020100';
const OTHER = '1f0e0d0c-0b0a-4908-8706-050403020100';
const HASH = 'ab'.repeat(32);

const makeDirectory = temporaryDirectories();

function logOf(...lines: string[]): string {
  const file = path.join(makeDirectory(), 'service.log');
  writeFileSync(file, lines.join('\n'));
  return file;
}

const head = (sequence: number, writer = WRITER) =>
  JSON.stringify({ level: 'log', message: 'Prediction log head', context: 'ChainHeads', writer, sequence, hash: HASH });

describe('readHeads', () => {
  it('takes the newest head of each writer, whatever the order of the lines', async () => {
    const file = logOf(head(3), head(10), head(0, OTHER), head(4));
    expect(await readHeads(file)).toEqual([
      { writer: WRITER, sequence: 10, hash: HASH },
      { writer: OTHER, sequence: 0, hash: HASH },
    ]);
  });

  it('passes over what is no head', async () => {
    const others = ['', 'not JSON', '{"level":"log","message":"Ready"}', 'null', '[]', head(1).replace(HASH, 'short')];
    expect(await readHeads(logOf(...others, head(2), head(-1), head(1.5)))).toEqual([
      { writer: WRITER, sequence: 2, hash: HASH },
    ]);
  });

  it('refuses a file without heads, which would seem to prove something', async () => {
    await expect(readHeads(logOf('{"level":"log","message":"Ready"}'))).rejects.toThrow(/holds no heads: give the/);
  });

  it('refuses a file that is not there', async () => {
    await expect(readHeads(path.join(makeDirectory(), 'none.log'))).rejects.toThrow(/ENOENT/);
  });
});
