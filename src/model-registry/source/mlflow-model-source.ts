import { basename } from 'node:path';
import type { MlflowClient } from '../mlflow/mlflow-client.js';
import type { LoggedModel, ModelVersion } from '../mlflow/mlflow.schemas.js';
import { ModelRejectedError } from '../model-rejected.error.js';
import { RegistryError } from '../registry-error.js';
import type { ModelSource, ResolvedVersion } from './model-source.js';
import type { ModelUri } from './model-uri.js';

export type MlflowModelUri = Extract<ModelUri, { kind: 'alias' | 'version' | 'logged-model' | 'run' }>;

/** A model in MLflow: a registered version, by alias or number, or what a run logged. */
export class MlflowModelSource implements ModelSource {
  readonly canMove: boolean;

  constructor(
    readonly uri: string,
    private readonly target: MlflowModelUri,
    private readonly mlflow: MlflowClient,
  ) {
    this.canMove = target.kind === 'alias';
  }

  async resolve(signal: AbortSignal): Promise<ResolvedVersion> {
    const { target, mlflow } = this;
    if (target.kind === 'run') return this.fromRun(target.runId, target.path, signal);
    if (target.kind === 'logged-model') return fromLoggedModel(await mlflow.loggedModel(target.modelId, signal));
    if (target.kind === 'version') return this.version(target.name, target.version, signal);
    const version = await mlflow.versionByAlias(target.name, target.alias, signal);
    return this.registered(version, target.alias, signal);
  }

  async resolveVersion(version: string, signal: AbortSignal): Promise<ResolvedVersion> {
    const { target } = this;
    if (target.kind !== 'alias' && target.kind !== 'version') {
      throw new RegistryError(
        'not-found',
        `There is no version ${version} of ${this.uri}: it is not a registered model.`,
      );
    }
    return this.version(target.name, version, signal);
  }

  private async version(name: string, version: string, signal: AbortSignal): Promise<ResolvedVersion> {
    return this.registered(await this.mlflow.version(name, version, signal), null, signal);
  }

  private async registered(found: ModelVersion, alias: string | null, signal: AbortSignal): Promise<ResolvedVersion> {
    const { name, version, creation_timestamp, run_id, source, tags } = found;
    const [, modelId] = /^models:\/(m-\w+)$/.exec(source) ?? [];
    return {
      identity: modelId ?? JSON.stringify([name, version, creation_timestamp, run_id]),
      name,
      version,
      alias,
      runId: run_id || undefined,
      artifactUri: await this.artifactUriOf(found, signal),
      ...fromTags(tags),
    };
  }

  /** A version that was created from `runs:/…` without MLflow's own client still has that as its download URI. */
  private async artifactUriOf(found: ModelVersion, signal: AbortSignal): Promise<string> {
    const uri = await this.mlflow.downloadUri(found, signal);
    const [, runId, path] = /^runs:\/([^/]+)\/(.+)$/.exec(uri) ?? [];
    return runId && path ? (await this.fromRun(runId, path, signal)).artifactUri : remote(uri);
  }

  /** MLflow 3 keeps a model that a run logged apart from the run's own files, where MLflow 2 put it. */
  private async fromRun(runId: string, path: string, signal: AbortSignal): Promise<ResolvedVersion> {
    const run = await this.mlflow.run(runId, signal);
    const model = await this.mlflow.modelOfRun(runId, run, path, signal);
    if (model) return fromLoggedModel(model);
    return {
      identity: `runs:/${runId}/${path}`,
      name: basename(path),
      version: runId,
      alias: null,
      runId,
      artifactUri: remote(`${run.artifact_uri}/${path}`),
      ...fromTags(new Map()),
    };
  }
}

const fromLoggedModel = ({ model_id, name, artifact_uri, source_run_id, tags }: LoggedModel): ResolvedVersion => ({
  identity: model_id,
  name,
  version: model_id,
  alias: null,
  runId: source_run_id || undefined,
  artifactUri: remote(artifact_uri),
  ...fromTags(tags),
});

/** What the one who registered the model says of it in tags. */
const fromTags = (tags: ReadonlyMap<string, string>) => ({
  expectedDigest: tags.get('sha256'),
  allowSignatureChange: tags.get('allow_signature_change') === 'true',
  tags: { defaultClass: tags.get('default_class'), nullableFeatures: tags.get('nullable_features') },
});

/** A path on the registry's own disk must not be read from this machine's. */
function remote(artifactUri: string): string {
  if (/^(file:|\/)/.test(artifactUri)) {
    throw new ModelRejectedError(
      "The model's files are on the disk of the MLflow server: let it pass them on (mlflow server --serve-artifacts) " +
        'and register the model again.',
    );
  }
  return artifactUri;
}
