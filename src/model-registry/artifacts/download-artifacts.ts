import { type FileHandle, mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { addAbortSignal, type Readable } from 'node:stream';
import { RegistryError } from '../registry-error.js';
import { withTimeout } from '../transport/with-timeout.js';
import { assertInside } from './artifact-path.js';
import type { ArtifactFile, ArtifactStore } from './artifact-store.js';
import { safeUri } from './safe-uri.js';

const PARALLEL_FILES = 4;

/** More than any model directory has; a listing with more is not read to its end. */
export const MAX_FILES = 1000;

export interface DownloadLimits {
  /** Sum of the files' sizes. */
  maxBytes: number;
  /** For the whole download. */
  timeoutMs: number;
  /** For a pause within a file. */
  stallTimeoutMs: number;
}

/**
 * Brings every file of a version into a directory that exists and is empty. After a failure some of them may be there,
 * but nothing is open any more.
 *
 * @throws RegistryError; system errors when the directory cannot be written to
 */
export function downloadArtifacts(
  store: ArtifactStore,
  artifactUri: string,
  directory: string,
  limits: DownloadLimits,
  signal: AbortSignal,
): Promise<void> {
  return withTimeout(`The download from ${safeUri(artifactUri)}`, limits.timeoutMs, signal, async (limited) => {
    const files = await store.list(artifactUri, limited);
    checkListing(files, artifactUri, limits.maxBytes);
    await forEachInParallel(files, limited, (file, ended) => {
      const read = () => store.read(artifactUri, file.path, ended);
      return downloadFile(file, read, directory, limits.stallTimeoutMs, ended);
    });
  });
}

function checkListing(files: readonly ArtifactFile[], artifactUri: string, maxBytes: number): void {
  if (files.length === 0) {
    throw new RegistryError('not-found', `There are no files at ${safeUri(artifactUri)}: were they deleted?`);
  }
  if (files.length > MAX_FILES) {
    throw new RegistryError('too-large', `There are more than ${MAX_FILES} files at ${safeUri(artifactUri)}.`);
  }
  files.forEach((file) => assertInside(file.path));
  if (new Set(files.map((file) => file.path.normalize())).size !== files.length) {
    throw new RegistryError('invalid-reply', `The list of the files at ${safeUri(artifactUri)} has a path twice.`);
  }
  const totalBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  if (totalBytes > maxBytes) {
    throw new RegistryError(
      'too-large',
      `The files at ${safeUri(artifactUri)} have ${totalBytes} bytes together, MODEL_MAX_BYTES allows ${maxBytes}.`,
    );
  }
}

/** The first failure ends the others, and is thrown once they have ended. */
async function forEachInParallel<T>(
  items: readonly T[],
  signal: AbortSignal,
  action: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController();
  const ended = AbortSignal.any([signal, failed.signal]);
  const queue = items.values();
  const work = async () => {
    for (const item of queue) {
      try {
        await action(item, ended);
      } catch (error) {
        failed.abort(error);
      }
      if (ended.aborted) return;
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_FILES }, work));
  ended.throwIfAborted();
}

async function downloadFile(
  file: ArtifactFile,
  read: () => Promise<Readable>,
  directory: string,
  stallTimeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const target = path.join(directory, file.path);
  await mkdir(path.dirname(target), { recursive: true });
  const output = await open(target, 'wx');
  try {
    await copy(file, addAbortSignal(signal, await read()), output, stallTimeoutMs);
  } finally {
    await output.close();
  }
}

/** Leaving the loop, however it ends, destroys the body and so closes its connection. */
async function copy(file: ArtifactFile, body: Readable, output: FileHandle, stallTimeoutMs: number): Promise<void> {
  const stalled = setTimeout(() => {
    body.destroy(new RegistryError('timeout', `${file.path} stopped arriving for ${stallTimeoutMs} ms.`));
  }, stallTimeoutMs);
  try {
    let receivedBytes = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      stalled.refresh();
      receivedBytes += chunk.byteLength;
      if (receivedBytes > file.sizeBytes) throw wrongSize(file, 'more');
      await output.appendFile(chunk);
    }
    if (receivedBytes < file.sizeBytes) throw wrongSize(file, `only ${receivedBytes}`);
  } finally {
    clearTimeout(stalled);
  }
}

const wrongSize = (file: ArtifactFile, received: string): RegistryError =>
  new RegistryError(
    'incomplete',
    `${file.path} has ${file.sizeBytes} bytes in the list of files, but ${received} came.`,
  );
