import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach } from '@jest/globals';

/** Makes directories that are gone after each test. To be called where hooks may be registered. */
export function temporaryDirectories(): () => string {
  const made: string[] = [];
  afterEach(() => {
    for (const directory of made.splice(0)) rmSync(directory, { recursive: true });
  });
  return () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'credit-default-'));
    made.push(directory);
    return directory;
  };
}
