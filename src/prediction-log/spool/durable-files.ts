import { mkdir, open, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** What is spooled holds inputs and references in clear. */
export const FILE_OF_OWNER = 0o600;
const DIRECTORY_OF_OWNER = 0o700;

/** Makes durable which files a directory has. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes a directory, and those above it that are missing, for the service's user alone. */
export async function makeDirectory(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true, mode: DIRECTORY_OF_OWNER });
  if (first === undefined) return;
  for (let made = directory; made.length >= first.length; made = path.dirname(made)) {
    await syncDirectory(path.dirname(made));
  }
}

/** Whatever crashes, the file holds the old content or the new one. */
export async function replaceFile(file: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${file}.new`;
  await writeFile(temporary, content, { flush: true, mode: FILE_OF_OWNER });
  await rename(temporary, file);
}
