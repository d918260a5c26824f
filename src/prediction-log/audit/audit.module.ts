import { Module } from '@nestjs/common';
import { DatabaseModule } from '../../database/database.module.js';
import { ModelRegistryModule } from '../../model-registry/model-registry.module.js';
import { PredictionLogModule } from '../prediction-log.module.js';
import { AuditTokenGuard } from './audit-token.guard.js';
import { auditMetricProviders, AuditTrail } from './audit-trail.js';
import { ErasureService } from './erasure.service.js';
import { OutcomesController } from './outcomes.controller.js';
import { OutcomesService } from './outcomes.service.js';
import { PredictionRecords } from './prediction-records.js';
import { RecordsController } from './records.controller.js';
import { ReplayService } from './replay.service.js';

/** `/predictions`: the log as auditors see it. */
@Module({
  imports: [DatabaseModule, ModelRegistryModule, PredictionLogModule],
  controllers: [RecordsController, OutcomesController],
  providers: [
    AuditTokenGuard,
    AuditTrail,
    ErasureService,
    OutcomesService,
    PredictionRecords,
    ReplayService,
    ...auditMetricProviders,
  ],
})
export class AuditModule {}
