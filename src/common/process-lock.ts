import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';

/** https://www.sqlite.org/rescode.html */
const BUSY = 5;
const CANTOPEN = 14;

/**
 * A lock on a file, held against other processes until it is released or this process ends, however that dies. It is the
 * operating system's own, by way of the one that SQLite takes when a transaction is exclusive: Node has no call for file
 * locks. The file is a database that is empty and stays so.
 *
 * It holds among the processes of one machine. Whether a network volume carries it to others cannot be seen from one of them.
 * Nothing else in this process may open the file: where a process closes a file, the system ends its locks on it.
 */
export class ProcessLock {
  private constructor(private readonly database: DatabaseSync) {}

  /**
   * Makes the file where it is missing.
   *
   * @returns undefined when the lock is held, by another process or in this one; also where the file system has no locks
   * @throws Error when the file cannot be made or written to
   */
  static take(file: string): ProcessLock | undefined {
    return ProcessLock.lock(new DatabaseSync(file));
  }

  /** @returns undefined when there is no such file */
  static isHeld(file: string): boolean | undefined {
    try {
      const url = pathToFileURL(file);
      url.searchParams.set('mode', 'rw');
      const lock = ProcessLock.lock(new DatabaseSync(url));
      lock?.release();
      return lock === undefined;
    } catch (error) {
      if (errorCode(error) === CANTOPEN) return undefined;
      throw error;
    }
  }

  /**
   * Whether files of this directory can be locked. Some network volumes cannot, and say that each lock is held.
   *
   * @throws Error when the directory cannot be written to
   */
  static isPossibleIn(directory: string): boolean {
    const file = path.join(directory, `lock-${randomUUID()}`);
    try {
      const lock = ProcessLock.take(file);
      lock?.release();
      return lock !== undefined;
    } finally {
      rmSync(file, { force: true });
    }
  }

  release(): void {
    this.database.close();
  }

  private static lock(database: DatabaseSync): ProcessLock | undefined {
    try {
      database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
      return new ProcessLock(database);
    } catch (error) {
      database.close();
      if (errorCode(error) === BUSY) return undefined;
      throw error;
    }
  }
}

const errorCode = (error: unknown): number | undefined => (error as { errcode?: number }).errcode;
