import { Module } from '@nestjs/common';
import { ActiveModel } from './active-model.js';
import { ModelLoader } from './model-loader.js';
import { ModelMetrics, modelMetricProviders } from './model-metrics.js';
import { ModelRunnerFactory } from './runner/model-runner.js';
import { OnnxModelRunnerFactory } from './runner/onnx-model-runner.js';
import { StartupLoad } from './startup-load.js';

/** Where models come from and which one is live. Others see {@link ActiveModel} alone. */
@Module({
  providers: [
    ActiveModel,
    ModelLoader,
    ModelMetrics,
    ...modelMetricProviders,
    { provide: ModelRunnerFactory, useClass: OnnxModelRunnerFactory },
    StartupLoad,
  ],
  exports: [ActiveModel],
})
export class ModelRegistryModule {}
