import type { ConfigService } from '@nestjs/config';
import type { Env } from '../../config/env.schema.js';
import type { S3ArtifactStore } from '../artifacts/s3-artifact-store.js';
import type { MlflowClient } from '../mlflow/mlflow-client.js';
import { LocalModelSource } from './local-model-source.js';
import { MlflowModelSource } from './mlflow-model-source.js';
import type { ModelSource } from './model-source.js';
import { parseModelUri } from './model-uri.js';
import { S3ModelSource } from './s3-model-source.js';

/** The source that MODEL_URI asks for. */
export function createModelSource(
  config: ConfigService<Env, true>,
  mlflow: MlflowClient,
  s3: S3ArtifactStore,
): ModelSource {
  const uri = config.get('MODEL_URI', { infer: true });
  const target = parseModelUri(uri);
  if (target.kind === 'directory') return new LocalModelSource(uri, target.path);
  if (target.kind === 's3') return new S3ModelSource(uri, target.uri, s3);
  return new MlflowModelSource(uri, target, mlflow);
}
