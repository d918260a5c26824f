import { execFile } from 'node:child_process';
import { readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { temporaryDirectories } from '../../../test/support/temporary-directory.js';
import { withFileLock } from './file-lock.js';

const run = promisify(execFile);

/** Another process, from the build: takes the lock so many times, and writes a line when it has it and when it lets go. */
const RIVAL = `
  import { appendFile } from 'node:fs/promises';
  import { withFileLock } from '${pathToFileURL('dist/model-registry/cache/file-lock.js').href}';
  const [lock, log, times] = process.argv.slice(1);
  for (let i = 0; i < Number(times); i++) {
    await withFileLock(lock, async () => {
      await appendFile(log, 'has it\\n');
      await appendFile(log, 'lets go\\n');
    });
  }
`;

const MINUTE_MS = 60_000;

/** Ten find a stale lock at the same time. @returns how many were inside together with another */
const scramble = async (file: string): Promise<number> => {
  writeFileSync(file, '');
  utimesSync(file, new Date(), new Date(Date.now() - MINUTE_MS));
  let inside = 0;
  let collisions = 0;
  const enter = () =>
    withFileLock(file, async () => {
      inside++;
      for (let i = 0; i < 10; i++) await readFile(file);
      if (inside-- > 1) collisions++;
    });
  await Promise.all(Array.from({ length: 10 }, enter));
  return collisions;
};

describe('withFileLock', () => {
  const temporaryDirectory = temporaryDirectories();
  let lock: string;
  beforeEach(() => {
    lock = path.join(temporaryDirectory(), 'lock');
  });

  it('lets one process in at a time', async () => {
    const log = `${lock}.log`;
    const rival = () => run(process.execPath, ['--input-type=module', '--eval', RIVAL, lock, log, '50']);
    await Promise.all([rival(), rival()]);
    const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
    expect(lines).toEqual(Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? 'has it' : 'lets go')));
  });

  it('lets one in at a time within a process, too, and gives each its own outcome', async () => {
    let inside = 0;
    const outcomes = Array.from({ length: 10 }, (_, i) =>
      withFileLock(lock, async () => {
        expect(++inside).toBe(1);
        await new Promise(setImmediate);
        inside--;
        return i;
      }),
    );
    expect(await Promise.all(outcomes)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('is free again after an action that failed', async () => {
    await expect(withFileLock(lock, () => Promise.reject(new Error('no space left')))).rejects.toThrow('no space left');
    expect(await withFileLock(lock, () => Promise.resolve('done'))).toBe('done');
  });

  it('takes over what a dead process left behind', async () => {
    writeFileSync(lock, '');
    utimesSync(lock, new Date(), new Date(Date.now() - MINUTE_MS));
    expect(await withFileLock(lock, () => Promise.resolve('done'))).toBe('done');
    expect(() => readFileSync(lock)).toThrow('ENOENT');
  });

  it('is taken over by one only of many that find it stale together', async () => {
    const rounds = Array.from({ length: 30 }, (_, i) => scramble(`${lock}-${i}`));
    expect(await Promise.all(rounds)).toEqual(Array.from(rounds, () => 0));
  });

  it('says what is wrong when the lock cannot be made', async () => {
    await expect(withFileLock(path.join(lock, 'no', 'such'), () => Promise.resolve())).rejects.toThrow('ENOENT');
  });
});
