import { describe, expect, it } from '@jest/globals';
import type { MlflowClient } from '../mlflow/mlflow-client.js';
import type { LoggedModel, ModelVersion } from '../mlflow/mlflow.schemas.js';
import { ModelRejectedError } from '../model-rejected.error.js';
import { RegistryError } from '../registry-error.js';
import { MlflowModelSource, type MlflowModelUri } from './mlflow-model-source.js';

const signal = new AbortController().signal;

const VERSION: ModelVersion = {
  name: 'credit-default-model',
  version: '3',
  creation_timestamp: 1795446594320,
  source: 'models:/m-4c1cf4d8',
  run_id: '5787de31',
  tags: new Map(),
};
const LOGGED: LoggedModel = {
  model_id: 'm-4c1cf4d8',
  name: 'model',
  artifact_uri: 'mlflow-artifacts:/1/models/m-4c1cf4d8/artifacts',
  source_run_id: '5787de31',
  tags: new Map(),
};

/** Knows one version, one logged model and one run. */
class FakeMlflow implements Partial<MlflowClient> {
  registered = VERSION;
  artifactUri = 's3://mlflow/1/models/m-4c1cf4d8/artifacts';
  logged: LoggedModel | undefined = LOGGED;

  async versionByAlias(name: string, alias: string): Promise<ModelVersion> {
    if (name !== this.registered.name || alias !== 'production') throw new RegistryError('not-found', 'no such alias');
    return this.registered;
  }
  async version(name: string, version: string): Promise<ModelVersion> {
    if (name !== this.registered.name) throw new RegistryError('not-found', 'no such model');
    return { ...this.registered, version };
  }
  async downloadUri(): Promise<string> {
    return this.artifactUri;
  }
  async loggedModel(): Promise<LoggedModel> {
    return LOGGED;
  }
  async run() {
    return { experiment_id: '1', artifact_uri: 'mlflow-artifacts:/1/5787de31/artifacts' };
  }
  async modelOfRun(): Promise<LoggedModel | undefined> {
    return this.logged;
  }
}

const byAlias: MlflowModelUri = { kind: 'alias', name: 'credit-default-model', alias: 'production' };
const sourceOf = (target: MlflowModelUri, mlflow: Partial<FakeMlflow> = {}): MlflowModelSource =>
  new MlflowModelSource('MODEL_URI', target, Object.assign(new FakeMlflow(), mlflow) as unknown as MlflowClient);

describe('MlflowModelSource', () => {
  it('resolves an alias, which can move', async () => {
    const source = sourceOf(byAlias);
    expect(source.canMove).toBe(true);
    expect(await source.resolve(signal)).toEqual({
      identity: 'm-4c1cf4d8',
      name: 'credit-default-model',
      version: '3',
      alias: 'production',
      runId: '5787de31',
      artifactUri: 's3://mlflow/1/models/m-4c1cf4d8/artifacts',
      expectedDigest: undefined,
      allowSignatureChange: false,
      tags: {},
    });
  });

  it('resolves a version, which cannot move', async () => {
    const source = sourceOf({ kind: 'version', name: 'credit-default-model', version: '2' });
    expect(source.canMove).toBe(false);
    expect(await source.resolve(signal)).toMatchObject({ version: '2', alias: null });
  });

  it('pins another version of the same model, under no alias', async () => {
    expect(await sourceOf(byAlias).resolveVersion('7', signal)).toMatchObject({ version: '7', alias: null });
  });

  it('reads what the tags of the version say', async () => {
    const tags = new Map([
      ['sha256', 'a1b2'],
      ['allow_signature_change', 'true'],
      ['default_class', 'bad'],
      ['nullable_features', 'income'],
    ]);
    expect(await sourceOf(byAlias, { registered: { ...VERSION, tags } }).resolve(signal)).toMatchObject({
      expectedDigest: 'a1b2',
      tags: { defaultClass: 'bad', nullableFeatures: 'income' },
      allowSignatureChange: true,
    });
  });

  it('tells a version that was deleted and created again from the one before', async () => {
    const before = { ...VERSION, source: 's3://mlflow/model', run_id: '' };
    const after = { ...before, creation_timestamp: before.creation_timestamp + 1 };
    const first = await sourceOf(byAlias, { registered: before }).resolve(signal);
    const second = await sourceOf(byAlias, { registered: after }).resolve(signal);
    expect(first.runId).toBeUndefined();
    expect(second.identity).not.toBe(first.identity);
  });

  it('resolves a logged model', async () => {
    const source = sourceOf({ kind: 'logged-model', modelId: 'm-4c1cf4d8' });
    expect(await source.resolve(signal)).toMatchObject({
      identity: 'm-4c1cf4d8',
      name: 'model',
      version: 'm-4c1cf4d8',
      runId: '5787de31',
      artifactUri: 'mlflow-artifacts:/1/models/m-4c1cf4d8/artifacts',
    });
    await expect(source.resolveVersion('1', signal)).rejects.toMatchObject({ failure: 'not-found' });
  });

  it('resolves the model that a run logged', async () => {
    const source = sourceOf({ kind: 'run', runId: '5787de31', path: 'model' });
    expect(await source.resolve(signal)).toMatchObject({ identity: 'm-4c1cf4d8', artifactUri: LOGGED.artifact_uri });
  });

  it("resolves a folder of a run's own files, as MLflow 2 wrote them", async () => {
    const source = sourceOf({ kind: 'run', runId: '5787de31', path: 'models/default' }, { logged: undefined });
    expect(await source.resolve(signal)).toMatchObject({
      identity: 'runs:/5787de31/models/default',
      name: 'default',
      version: '5787de31',
      runId: '5787de31',
      artifactUri: 'mlflow-artifacts:/1/5787de31/artifacts/models/default',
    });
  });

  it.each(['file:///var/mlruns/1', '/var/mlruns/1'])(
    "does not read %s, a path on the server's disk, from its own",
    async (artifactUri) => {
      await expect(sourceOf(byAlias, { artifactUri }).resolve(signal)).rejects.toThrow(ModelRejectedError);
    },
  );
});
