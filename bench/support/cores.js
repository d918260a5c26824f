/** Which core a process runs on. Linux only. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** All threads of a process; those that it starts later follow. */
export async function pinToCore(pid, core) {
  await promisify(execFile)('taskset', ['-a', '-p', '-c', String(core), String(pid)]);
}
