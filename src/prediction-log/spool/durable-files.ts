import { mkdir, open, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** Makes durable which files a directory has. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes a directory, and those above it that are missing. */
export async function makeDirectory(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true });
  if (first === undefined) return;
  for (let made = directory; made.length >= first.length; made = path.dirname(made)) {
    await syncDirectory(path.dirname(made));
  }
}

/** Whatever crashes, the file holds the old content or the new one. */
export async function replaceFile(file: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${file}.new`;
  await writeFile(temporary, content, { flush: true });
  await rename(temporary, file);
}
