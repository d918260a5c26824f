import { Module } from '@nestjs/common';
import { MetricsModule } from '../metrics/metrics.module.js';
import { ModelRegistryModule } from '../model-registry/model-registry.module.js';
import { PredictionLogModule } from '../prediction-log/prediction-log.module.js';
import { BatchAdmission } from './batch/batch-admission.js';
import { BatchPool } from './batch/batch-pool.js';
import { BatchService } from './batch/batch.service.js';
import { PredictionController } from './prediction.controller.js';
import { PredictionMetrics, predictionMetricProviders } from './prediction-metrics.js';
import { PredictionService } from './prediction.service.js';
import { ScoringAdmission } from './scoring-admission.js';

@Module({
  imports: [ModelRegistryModule, MetricsModule, PredictionLogModule],
  controllers: [PredictionController],
  providers: [
    BatchAdmission,
    BatchPool,
    BatchService,
    PredictionMetrics,
    PredictionService,
    ScoringAdmission,
    ...predictionMetricProviders,
  ],
})
export class PredictionModule {}
