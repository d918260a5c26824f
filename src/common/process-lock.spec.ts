import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, statSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { temporaryDirectories } from '../../test/support/temporary-directory.js';
import { ProcessLock } from './process-lock.js';

/** Another process, from the build: takes the lock, says whether it has it, and keeps it. */
const RIVAL = `
  import { ProcessLock } from '${pathToFileURL('dist/common/process-lock.js').href}';
  const lock = ProcessLock.take(process.argv[1]);
  console.log(lock ? 'has it' : 'has it not');
  setInterval(() => lock, 60_000);
`;

const HOUR_MS = 3_600_000;

describe('ProcessLock', () => {
  const directories = temporaryDirectories();
  const rivals: ChildProcess[] = [];
  let directory: string;
  let file: string;
  beforeEach(() => {
    directory = directories();
    file = path.join(directory, 'lock');
  });
  afterEach(() => {
    jest.restoreAllMocks();
    for (const child of rivals.splice(0)) child.kill('SIGKILL');
  });

  async function rival(): Promise<{ said: string; process: ChildProcess }> {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', RIVAL, file]);
    rivals.push(child);
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    return { said: said.toString().trim(), process: child };
  }

  it('is had by one process at a time, and neither by a second nor by a third', async () => {
    expect((await rival()).said).toBe('has it');
    expect((await rival()).said).toBe('has it not');
    expect(ProcessLock.take(file)).toBeUndefined();
    expect((await rival()).said).toBe('has it not');
  });

  it('stays with a process that is slow, whatever the age of the file', async () => {
    await rival();
    const anHourAgo = new Date(Date.now() - HOUR_MS);
    utimesSync(file, anHourAgo, anHourAgo);
    expect(ProcessLock.take(file)).toBeUndefined();
    expect(ProcessLock.isHeld(file)).toBe(true);
    expect((await rival()).said).toBe('has it not');
  });

  it('ends at once with the process that has it, however that dies', async () => {
    const holder = await rival();
    holder.process.kill('SIGKILL');
    await once(holder.process, 'exit');
    const lock = ProcessLock.take(file);
    expect(lock).toBeDefined();
    expect((await rival()).said).toBe('has it not');
    lock!.release();
  });

  it('is had by one only within a process, until that releases it', async () => {
    const lock = ProcessLock.take(file)!;
    expect(ProcessLock.take(file)).toBeUndefined();
    expect(ProcessLock.isHeld(file)).toBe(true);
    // Closing the file after a vain attempt has not ended the lock.
    expect((await rival()).said).toBe('has it not');
    lock.release();
    expect(ProcessLock.isHeld(file)).toBe(false);
    const next = ProcessLock.take(file);
    expect(next).toBeDefined();
    next!.release();
  });

  it('leaves an empty file', () => {
    ProcessLock.take(file)!.release();
    expect(readdirSync(directory)).toEqual(['lock']);
    expect(statSync(file).size).toBe(0);
  });

  it('of a file that is not there is held by nobody, and asking does not make it', () => {
    expect(ProcessLock.isHeld(file)).toBeUndefined();
    expect(existsSync(file)).toBe(false);
    expect(ProcessLock.isHeld(path.join(directory, 'no', 'such'))).toBeUndefined();
  });

  it('says so when the directory is not there', () => {
    expect(() => ProcessLock.take(path.join(directory, 'no', 'such'))).toThrow('unable to open database file');
  });

  describe('is possible', () => {
    it('where a new file can be locked, which leaves nothing behind', () => {
      expect(ProcessLock.isPossibleIn(directory)).toBe(true);
      expect(readdirSync(directory)).toEqual([]);
    });

    it('not where even a new file seems to be locked', () => {
      jest.spyOn(ProcessLock, 'take').mockReturnValue(undefined);
      expect(ProcessLock.isPossibleIn(directory)).toBe(false);
    });
  });
});
