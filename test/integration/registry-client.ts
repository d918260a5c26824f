import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ArtifactStores } from '../../src/model-registry/artifacts/artifact-stores.js';
import { S3ArtifactStore } from '../../src/model-registry/artifacts/s3-artifact-store.js';
import { MlflowClient } from '../../src/model-registry/mlflow/mlflow-client.js';
import { readModelDirectory } from '../../src/model-registry/model-directory.js';
import { createModelSource } from '../../src/model-registry/source/create-model-source.js';
import type { ModelSource, ResolvedVersion } from '../../src/model-registry/source/model-source.js';
import { namedServers } from '../support/named-servers.js';
import { testConfig } from '../support/test-config.js';

const never = new AbortController().signal;

/** The service's side of the registry, wired as in its module. */
export class RegistryClient {
  readonly source: ModelSource;
  private readonly mlflow: MlflowClient;
  private readonly s3: S3ArtifactStore;
  private readonly stores: ArtifactStores;

  /** @param env on top of where the servers are */
  constructor(env: { MODEL_URI: string } & Record<string, string>) {
    const config = testConfig({ ...namedServers(), ...env });
    this.mlflow = new MlflowClient(config);
    this.s3 = new S3ArtifactStore(config);
    this.stores = new ArtifactStores(config, this.mlflow, this.s3);
    this.source = createModelSource(config, this.mlflow, this.s3);
  }

  resolve(): Promise<ResolvedVersion> {
    return this.source.resolve(never);
  }

  /** Downloads a version and gives the digest of what arrived. */
  async digestOf({ artifactUri }: Pick<ResolvedVersion, 'artifactUri'>, signal = never): Promise<string> {
    const directory = await mkdtemp(path.join(tmpdir(), 'download-'));
    try {
      await this.stores.download(artifactUri, directory, signal);
      return (await readModelDirectory(directory)).digest;
    } finally {
      await rm(directory, { recursive: true });
    }
  }

  close(): void {
    this.mlflow.onApplicationShutdown();
    this.s3.onApplicationShutdown();
  }
}
