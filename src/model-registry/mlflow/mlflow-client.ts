import type { Readable } from 'node:stream';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import type { Env } from '../../config/env.schema.js';
import { MlflowHttp } from './mlflow-http.js';
import {
  type ArtifactEntry,
  artifactListSchema,
  downloadUriSchema,
  type LoggedModel,
  loggedModelSchema,
  loggedModelsSchema,
  type ModelVersion,
  modelVersionSchema,
  type Run,
  runSchema,
} from './mlflow.schemas.js';

/** What the service asks MLflow (https://mlflow.org/docs/latest/api_reference/rest-api.html). Every call @throws RegistryError. */
@Injectable()
export class MlflowClient implements OnApplicationShutdown {
  private readonly server: MlflowHttp;

  constructor(config: ConfigService<Env, true>) {
    this.server = new MlflowHttp(config);
  }

  async versionByAlias(name: string, alias: string, signal: AbortSignal): Promise<ModelVersion> {
    const call = {
      path: 'mlflow/registered-models/alias',
      query: { name, alias },
      wanted: `the alias "${alias}" of the model "${name}"`,
    };
    return (await this.server.json(modelVersionSchema, call, signal)).model_version;
  }

  async version(name: string, version: string, signal: AbortSignal): Promise<ModelVersion> {
    const call = {
      path: 'mlflow/model-versions/get',
      query: { name, version },
      wanted: `version ${version} of the model "${name}"`,
    };
    return (await this.server.json(modelVersionSchema, call, signal)).model_version;
  }

  /** Where the files of a version are: `mlflow-artifacts:/…` when the server passes them on, else the store's own URI. */
  async downloadUri({ name, version }: ModelVersion, signal: AbortSignal): Promise<string> {
    const call = {
      path: 'mlflow/model-versions/get-download-uri',
      query: { name, version },
      wanted: `the files of version ${version} of the model "${name}"`,
    };
    return (await this.server.json(downloadUriSchema, call, signal)).artifact_uri;
  }

  async loggedModel(modelId: string, signal: AbortSignal): Promise<LoggedModel> {
    const call = { path: `mlflow/logged-models/${encodeURIComponent(modelId)}`, wanted: `the logged model ${modelId}` };
    return (await this.server.json(loggedModelSchema, call, signal)).model.info;
  }

  async run(runId: string, signal: AbortSignal): Promise<Run> {
    const call = { path: 'mlflow/runs/get', query: { run_id: runId }, wanted: `the run ${runId}` };
    return (await this.server.json(runSchema, call, signal)).run.info;
  }

  /**
   * The newest model that a run logged under a name.
   *
   * @param name without quotes: it goes into a filter
   */
  async modelOfRun(runId: string, run: Run, name: string, signal: AbortSignal): Promise<LoggedModel | undefined> {
    const call = {
      path: 'mlflow/logged-models/search',
      body: {
        experiment_ids: [run.experiment_id],
        filter: `name = '${name}' AND source_run_id = '${runId}'`,
        order_by: [{ field_name: 'creation_timestamp', ascending: false }],
        max_results: 1,
      },
      wanted: `the models of the run ${runId}`,
    };
    return (await this.server.json(loggedModelsSchema, call, signal)).models[0]?.info;
  }

  /** @param path a folder below the root of the server's own artifact store; empty when it does not exist */
  async listArtifacts(path: string, signal: AbortSignal): Promise<ArtifactEntry[]> {
    const call = { path: 'mlflow-artifacts/artifacts', query: { path }, wanted: `the list of files in ${path}` };
    return (await this.server.json(artifactListSchema, call, signal)).files;
  }

  /** @param path a file below the root of the server's own artifact store */
  readArtifact(path: string, signal: AbortSignal): Promise<Readable> {
    const encoded = path.split('/').map(encodeURIComponent).join('/');
    return this.server.download({ path: `mlflow-artifacts/artifacts/${encoded}`, wanted: `the file ${path}` }, signal);
  }

  onApplicationShutdown(): void {
    this.server.close();
  }
}
