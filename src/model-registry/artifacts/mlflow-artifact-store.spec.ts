import { describe, expect, it } from '@jest/globals';
import type { MlflowClient } from '../mlflow/mlflow-client.js';
import type { ArtifactEntry } from '../mlflow/mlflow.schemas.js';
import { MlflowArtifactStore } from './mlflow-artifact-store.js';

const signal = new AbortController().signal;
const file = (path: string, file_size = 1): ArtifactEntry => ({ path, is_dir: false, file_size });
const folder = (path: string): ArtifactEntry => ({ path, is_dir: true, file_size: 0 });

function storeOf(listings: Record<string, ArtifactEntry[]>) {
  const asked: string[] = [];
  const mlflow: Pick<MlflowClient, 'listArtifacts'> = {
    async listArtifacts(path) {
      asked.push(path);
      return listings[path] ?? [];
    },
  };
  return { asked, store: new MlflowArtifactStore(mlflow as MlflowClient) };
}

describe('MlflowArtifactStore', () => {
  it('lists the files of every folder by their path from the root', async () => {
    const { store } = storeOf({
      '1/models/m-1/artifacts': [file('MLmodel', 1358), folder('code')],
      '1/models/m-1/artifacts/code': [folder('deep'), file('x.py')],
      '1/models/m-1/artifacts/code/deep': [file('y.py', 0)],
    });
    expect(await store.list('mlflow-artifacts:/1/models/m-1/artifacts', signal)).toEqual([
      { path: 'MLmodel', sizeBytes: 1358 },
      { path: 'code/x.py', sizeBytes: 1 },
      { path: 'code/deep/y.py', sizeBytes: 0 },
    ]);
  });

  it.each(['..', '../other', '/etc'])('does not follow the folder %j', async (path) => {
    const { asked, store } = storeOf({ root: [folder(path)] });
    await expect(store.list('mlflow-artifacts:/root', signal)).rejects.toMatchObject({ failure: 'invalid-reply' });
    expect(asked).toEqual(['root']);
  });

  it('stops at a tree of folders without an end', async () => {
    const mlflow: Pick<MlflowClient, 'listArtifacts'> = { listArtifacts: async () => [folder('again')] };
    const store = new MlflowArtifactStore(mlflow as MlflowClient);
    await expect(store.list('mlflow-artifacts:/root', signal)).rejects.toMatchObject({ failure: 'too-large' });
  });

  it.each(['mlflow-artifacts://elsewhere:5000/1/model', 'mlflow-artifacts:/', 'mlflow-artifacts:1'])(
    'does not follow %s',
    async (uri) => {
      const { asked, store } = storeOf({});
      await expect(store.list(uri, signal)).rejects.toMatchObject({ failure: 'invalid-reply' });
      expect(asked).toEqual([]);
    },
  );
});
