/** Which core a process runs on. Linux only: elsewhere nothing is pinned, and the bench says more about the scheduler. */
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/** All threads of a process; those that it starts later follow. */
export async function pinToCore(pid, core) {
  await promisify(execFile)('taskset', ['-a', '-p', '-c', String(core), String(pid)]);
}

/** The server processes of PostgreSQL on this machine; backends that they start later inherit what is set on them. */
export async function postgresProcesses() {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const names = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')));
  return pids.filter((_, i) => names[i].trim() === 'postgres');
}
