import { type FSWatcher, watch } from 'node:fs';
import path from 'node:path';
import { isErrno } from '../is-errno.js';

/**
 * Tells when files of a directory change, and when another directory takes its place: by a rename, or because it is a
 * symbolic link that is set anew. The directory that was watched knows nothing of that, but its parent does.
 */
export class DirectoryWatch {
  private files: FSWatcher | undefined;
  private readonly place: FSWatcher;

  /**
   * @param onBlind is told when changes are no longer seen
   * @throws system errors when it cannot be watched
   */
  constructor(
    private readonly directory: string,
    private readonly onChange: () => void,
    private readonly onBlind: (error: Error) => void,
  ) {
    const name = path.basename(directory);
    this.place = watch(path.dirname(directory), (event, changed) => {
      if (event === 'rename' && changed === name) this.replaced();
    }).on('error', onBlind);
    try {
      this.watchFiles();
    } catch (error) {
      this.place.close();
      throw error;
    }
  }

  close(): void {
    this.place.close();
    this.files?.close();
  }

  private replaced(): void {
    try {
      this.watchFiles();
    } catch (error) {
      this.onBlind(error as Error);
    }
    this.onChange();
  }

  private watchFiles(): void {
    this.files?.close();
    this.files = undefined;
    try {
      this.files = watch(this.directory, { recursive: true }, this.onChange).on('error', this.onBlind);
    } catch (error) {
      // Gone; its place is still watched.
      if (!isErrno(error, 'ENOENT')) throw error;
    }
  }
}
