import { Module } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { DatabaseModule } from '../database/database.module.js';
import { ChainHeads } from './chain/chain-heads.js';
import { Idempotency } from './idempotency/idempotency.js';
import { IdempotencyRecords } from './idempotency/idempotency-records.js';
import { createLog } from './create-log.js';
import { Maintenance } from './maintenance/maintenance.js';
import { MaintenanceMetrics, maintenanceMetricProviders } from './maintenance/maintenance-metrics.js';
import { PredictionLog } from './prediction-log.js';
import { RequestOrigin } from './request-origin.js';
import { PredictionLogMetrics, predictionLogMetricProviders } from './writer/prediction-log-metrics.js';

/** What was answered was recorded. */
@Module({
  imports: [DatabaseModule],
  providers: [
    ChainHeads,
    PredictionLogMetrics,
    RequestOrigin,
    Idempotency,
    IdempotencyRecords,
    ...predictionLogMetricProviders,
    Maintenance,
    MaintenanceMetrics,
    ...maintenanceMetricProviders,
    {
      provide: PredictionLog,
      inject: [ConfigService, ChainHeads, PredictionLogMetrics],
      useFactory: createLog,
    },
  ],
  exports: [PredictionLog, PredictionLogMetrics, RequestOrigin, Idempotency],
})
export class PredictionLogModule {}
