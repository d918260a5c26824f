import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from '@jest/globals';
import { temporaryDirectories } from '../../../test/support/temporary-directory.js';
import { SlotHold } from './slot-hold.js';

/** Another process, from the build: takes the hold, says whether it has it, and keeps it. */
const RIVAL = `
  import { SlotHold } from '${pathToFileURL('dist/prediction-log/spool/slot-hold.js').href}';
  const hold = SlotHold.take(process.argv[1]);
  console.log(hold ? 'has it' : 'has it not');
  setInterval(() => hold, 60_000);
`;

describe('SlotHold', () => {
  const directories = temporaryDirectories();
  const rivals: ChildProcess[] = [];
  afterEach(() => {
    for (const child of rivals.splice(0)) child.kill('SIGKILL');
  });

  async function rival(directory: string): Promise<{ said: string; process: ChildProcess }> {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', RIVAL, directory]);
    rivals.push(child);
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    return { said: said.toString().trim(), process: child };
  }

  it('is had by one process at a time', async () => {
    const directory = directories();
    expect((await rival(directory)).said).toBe('has it');
    expect((await rival(directory)).said).toBe('has it not');
    expect(SlotHold.take(directory)).toBeUndefined();
  });

  it('ends at once with the process that has it, however that dies', async () => {
    const directory = directories();
    const holder = await rival(directory);
    holder.process.kill('SIGKILL');
    await once(holder.process, 'exit');
    const hold = SlotHold.take(directory);
    expect(hold).toBeDefined();
    expect((await rival(directory)).said).toBe('has it not');
    hold!.release();
  });

  it('is had by one only within a process, until that releases it', () => {
    const directory = directories();
    const hold = SlotHold.take(directory)!;
    expect(SlotHold.take(directory)).toBeUndefined();
    hold.release();
    const next = SlotHold.take(directory);
    expect(next).toBeDefined();
    next!.release();
  });

  it('says so when the directory is not there', () => {
    expect(() => SlotHold.take(path.join(directories(), 'no', 'such'))).toThrow('unable to open database file');
  });
});
