import { Injectable } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import type { Env } from '../../config/env.schema.js';
import { MlflowClient } from '../mlflow/mlflow-client.js';
import { ModelRejectedError } from '../model-rejected.error.js';
import type { ArtifactStore } from './artifact-store.js';
import { downloadArtifacts, type DownloadLimits } from './download-artifacts.js';
import { LocalArtifactStore } from './local-artifact-store.js';
import { MlflowArtifactStore } from './mlflow-artifact-store.js';
import { S3ArtifactStore } from './s3-artifact-store.js';
import { safeUri } from './safe-uri.js';

/** Downloads a version from whatever store its URI names. */
@Injectable()
export class ArtifactStores {
  private readonly byScheme: ReadonlyMap<string, ArtifactStore>;
  private readonly limits: DownloadLimits;

  constructor(config: ConfigService<Env, true>, mlflow: MlflowClient, s3: S3ArtifactStore) {
    this.byScheme = new Map<string, ArtifactStore>([
      ['s3', s3],
      ['mlflow-artifacts', new MlflowArtifactStore(mlflow)],
      ['file', new LocalArtifactStore()],
    ]);
    this.limits = {
      maxBytes: config.get('MODEL_MAX_BYTES', { infer: true }),
      timeoutMs: config.get('MODEL_DOWNLOAD_TIMEOUT_MS', { infer: true }),
      stallTimeoutMs: config.get('MODEL_REGISTRY_TIMEOUT_MS', { infer: true }),
    };
  }

  /**
   * @param directory exists and is empty
   * @throws RegistryError when the files cannot be had; ModelRejectedError when they lie where the service cannot read
   */
  async download(artifactUri: string, directory: string, signal: AbortSignal): Promise<void> {
    const scheme = /^([\w-]+):/.exec(artifactUri)?.[1] ?? '';
    const store = this.byScheme.get(scheme);
    if (!store) {
      throw new ModelRejectedError(
        `The files are at ${safeUri(artifactUri)}, and the service reads s3:, mlflow-artifacts: and file: only: ` +
          'let MLflow pass them on (mlflow server --serve-artifacts) and register the model again.',
      );
    }
    await downloadArtifacts(store, artifactUri, directory, this.limits, signal);
  }
}
