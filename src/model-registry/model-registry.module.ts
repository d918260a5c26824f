import { Module } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { ActiveModel } from './active-model.js';
import { ArtifactStores } from './artifacts/artifact-stores.js';
import { S3ArtifactStore } from './artifacts/s3-artifact-store.js';
import { ModelCache } from './cache/model-cache.js';
import { MlflowClient } from './mlflow/mlflow-client.js';
import { ModelLoader } from './model-loader.js';
import { ModelMetrics, modelMetricProviders } from './model-metrics.js';
import { PastModels } from './past-models.js';
import { ModelFollower } from './reload/model-follower.js';
import { RegistryStatus } from './reload/registry-status.js';
import { ReloadHistory } from './reload/reload-history.js';
import { SourceWatcher } from './reload/source-watcher.js';
import { VersionPreparer } from './reload/version-preparer.js';
import { ModelRunnerFactory } from './runner/model-runner.js';
import { OnnxModelRunnerFactory } from './runner/onnx-model-runner.js';
import { createModelSource } from './source/create-model-source.js';
import { ModelSource } from './source/model-source.js';

/** Where models come from and which one is live. Predictions see {@link ActiveModel} alone. */
@Module({
  providers: [
    ActiveModel,
    ArtifactStores,
    MlflowClient,
    ModelCache,
    ModelFollower,
    ModelLoader,
    ModelMetrics,
    ...modelMetricProviders,
    { provide: ModelRunnerFactory, useClass: OnnxModelRunnerFactory },
    {
      provide: ModelSource,
      inject: [ConfigService, MlflowClient, S3ArtifactStore],
      useFactory: createModelSource,
    },
    PastModels,
    RegistryStatus,
    ReloadHistory,
    S3ArtifactStore,
    SourceWatcher,
    VersionPreparer,
  ],
  exports: [ActiveModel, ModelFollower, ModelSource, PastModels, RegistryStatus, ReloadHistory, SourceWatcher],
})
export class ModelRegistryModule {}
