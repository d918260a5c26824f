import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { isErrno } from '../is-errno.js';

/** Far longer than any holder needs: what is older was left behind by a process that died. */
const STALE_AFTER_MS = 10_000;
const RETRY_EVERY_MS = 20;
/** Far longer than a process needs from finding the lock stale to putting its own in that place. */
const TAKEOVER_SETTLES_MS = 300;

/**
 * Runs `action` while holding a lock that other processes respect too. The lock is a file that only one can create;
 * one left behind by a dead process is taken over once it is stale. `action` must be short.
 *
 * @throws Error when the lock cannot be had within twice the stale time
 */
export async function withFileLock<T>(file: string, action: () => Promise<T>): Promise<T> {
  await acquire(file);
  try {
    return await action();
  } finally {
    await rm(file, { force: true });
  }
}

async function acquire(file: string): Promise<void> {
  const giveUpAt = Date.now() + 2 * STALE_AFTER_MS;
  while (!(await tryCreate(file))) {
    if (Date.now() > giveUpAt) throw new Error(`The lock ${file} stays taken: is another process hanging?`);
    if ((await isStale(file)) && (await takeOver(file))) return;
    await delay(RETRY_EVERY_MS);
  }
}

async function tryCreate(file: string): Promise<boolean> {
  try {
    await (await open(file, 'wx')).close();
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  }
}

async function isStale(file: string): Promise<boolean> {
  try {
    return Date.now() - (await stat(file)).mtimeMs > STALE_AFTER_MS;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

/** Several processes may find it stale together: each puts its own in that place, and the last one to do so has it. */
async function takeOver(file: string): Promise<boolean> {
  const name = randomUUID();
  const own = `${file}.${name}`;
  await writeFile(own, name);
  await rename(own, file);
  await delay(TAKEOVER_SETTLES_MS);
  return (await readFile(file, 'utf8')) === name;
}
