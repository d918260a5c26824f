import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** SQLITE_BUSY, https://www.sqlite.org/rescode.html#busy */
const BUSY = 5;

/**
 * Holds a directory against other processes for as long as this one lives, by the lock that SQLite takes on a file when a
 * transaction is exclusive. Node has no call for file locks; this one is the operating system's own, so it ends with the
 * process, however that dies. The database is empty and stays so.
 */
export class SlotHold {
  private constructor(private readonly database: DatabaseSync) {}

  /**
   * @returns undefined when another process holds the directory
   * @throws Error when the directory cannot be written to
   */
  static take(directory: string): SlotHold | undefined {
    const database = new DatabaseSync(path.join(directory, 'lock'));
    try {
      database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
      return new SlotHold(database);
    } catch (error) {
      database.close();
      if ((error as { errcode?: number }).errcode === BUSY) return undefined;
      throw error;
    }
  }

  release(): void {
    this.database.close();
  }
}
