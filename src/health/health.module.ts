import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { ModelRegistryModule } from '../model-registry/model-registry.module.js';
import { PredictionLogModule } from '../prediction-log/prediction-log.module.js';
import { DatabaseHealthIndicator } from './database.health.js';
import { databaseMetricProviders, DatabaseMetrics } from './database-metrics.js';
import { HealthController } from './health.controller.js';
import { ModelHealthIndicator } from './model.health.js';
import { RegistryHealthIndicator } from './registry.health.js';
import { ShutdownHealthIndicator } from './shutdown.health.js';

@Module({
  imports: [TerminusModule, ModelRegistryModule, PredictionLogModule],
  controllers: [HealthController],
  providers: [
    DatabaseHealthIndicator,
    DatabaseMetrics,
    ...databaseMetricProviders,
    ModelHealthIndicator,
    RegistryHealthIndicator,
    ShutdownHealthIndicator,
  ],
})
export class HealthModule {}
