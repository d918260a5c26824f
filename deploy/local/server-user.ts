import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, statSync } from 'node:fs';
import path from 'node:path';
import type { User } from './run.ts';

/**
 * PostgreSQL refuses to run as root. `nobody` is on every system, so none has to be created.
 *
 * @returns nothing to change for everybody but root
 */
export function serverUser(): User {
  if (process.getuid?.() !== 0) return {};
  return { uid: idOf('-u', 'nobody'), gid: idOf('-g', 'nobody') };
}

const idOf = (kind: '-u' | '-g', user: string) => Number(execFileSync('id', [kind, user], { encoding: 'utf8' }));

/** Whether the user can reach what is in the directory: root's own home, for one, it cannot enter. */
export function canEnter(user: User, directory: string): boolean {
  if (user.uid === undefined) return true;
  for (let each = path.resolve(directory); ; each = path.dirname(each)) {
    if ((statSync(each).mode & 0o001) === 0) return false;
    if (each === path.dirname(each)) return true;
  }
}

/**
 * A directory for this checkout that everybody can enter and root alone can write to.
 *
 * @throws Error when somebody else made it
 */
export function enterableDirectory(): string {
  const checkout = createHash('sha256').update(process.cwd()).digest('hex').slice(0, 12);
  const directory = `/var/tmp/credit-default-service-${checkout}`;
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  const { uid } = lstatSync(directory);
  if (uid !== 0) throw new Error(`${directory} belongs to user ${uid} and not to root: remove it.`);
  // Once more, since the umask takes away from what it is made with.
  chmodSync(directory, 0o755);
  return directory;
}
