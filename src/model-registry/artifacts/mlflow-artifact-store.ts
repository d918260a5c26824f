import type { Readable } from 'node:stream';
import type { MlflowClient } from '../mlflow/mlflow-client.js';
import { RegistryError } from '../registry-error.js';
import { assertInside } from './artifact-path.js';
import type { ArtifactFile, ArtifactStore } from './artifact-store.js';
import { MAX_FILES } from './download-artifacts.js';
import { safeUri } from './safe-uri.js';

/** The artifact store behind an MLflow server that passes files on (`--serve-artifacts`): `mlflow-artifacts:/PATH`. */
export class MlflowArtifactStore implements ArtifactStore {
  constructor(private readonly mlflow: MlflowClient) {}

  async list(artifactUri: string, signal: AbortSignal): Promise<ArtifactFile[]> {
    const root = rootOf(artifactUri);
    const files: ArtifactFile[] = [];
    const folders = [''];
    for (const folder of folders) {
      for (const entry of await this.mlflow.listArtifacts(`${root}${folder}`, signal)) {
        assertInside(entry.path);
        const path = `${folder}/${entry.path}`;
        if (entry.is_dir) folders.push(path);
        else files.push({ path: path.slice(1), sizeBytes: entry.file_size });
      }
      if (folders.length + files.length > MAX_FILES) {
        throw new RegistryError(
          'too-large',
          `There are more than ${MAX_FILES} files and folders at ${safeUri(artifactUri)}.`,
        );
      }
    }
    return files;
  }

  read(artifactUri: string, path: string, signal: AbortSignal): Promise<Readable> {
    return this.mlflow.readArtifact(`${rootOf(artifactUri)}/${path}`, signal);
  }
}

/** @throws RegistryError when the URI names a server of its own: credentials go to MLFLOW_TRACKING_URI alone */
function rootOf(artifactUri: string): string {
  const [, root] = /^mlflow-artifacts:(?:\/\/)?\/([^/].*?)\/*$/.exec(artifactUri) ?? [];
  if (!root) {
    throw new RegistryError(
      'invalid-reply',
      `MLflow says that the files are at ${safeUri(artifactUri)}; only mlflow-artifacts:/PATH, without a host, is followed.`,
    );
  }
  return root;
}
