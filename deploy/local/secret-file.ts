import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

/**
 * A secret that is made once and then kept, readable by its owner alone.
 *
 * @returns 64 random hexadecimal digits, and whether they were made just now
 */
export function keptSecret(file: string): { secret: string; isNew: boolean } {
  const isNew = !existsSync(file);
  if (isNew) {
    const unfinished = `${file}.${process.pid}`;
    writeFileSync(unfinished, randomBytes(32).toString('hex'), { mode: 0o600 });
    try {
      // Unlike a rename, it does not replace what somebody else made in the meantime.
      linkSync(unfinished, file);
    } catch (error) {
      if (!existsSync(file)) throw error;
    } finally {
      rmSync(unfinished);
    }
  }
  return { secret: readFileSync(file, 'utf8').trim(), isNew };
}
