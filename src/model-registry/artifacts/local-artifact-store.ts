import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { RegistryError } from '../registry-error.js';
import { artifactStream } from '../transport/artifact-stream.js';
import { errorCode } from '../transport/connection-error.js';
import type { ArtifactFile, ArtifactStore } from './artifact-store.js';

/** A directory of this machine, `file:PATH`. */
export class LocalArtifactStore implements ArtifactStore {
  async list(artifactUri: string): Promise<ArtifactFile[]> {
    const directory = directoryOf(artifactUri);
    try {
      const entries = await readdir(directory, { recursive: true, withFileTypes: true });
      const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
      return await Promise.all(
        files.map(async (file) => ({
          path: path.relative(directory, file).replaceAll(path.sep, '/'),
          sizeBytes: (await stat(file)).size,
        })),
      );
    } catch (cause) {
      throw new RegistryError('not-found', `Cannot read the directory ${directory} (${errorCode(cause)}).`, { cause });
    }
  }

  async read(artifactUri: string, file: string): Promise<Readable> {
    return artifactStream(createReadStream(path.join(directoryOf(artifactUri), file)), `Reading ${file}`);
  }
}

const directoryOf = (artifactUri: string): string => artifactUri.slice('file:'.length);
