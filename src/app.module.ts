import { type DynamicModule, Module, StandardSchemaValidationPipe } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { APP_FILTER, APP_PIPE } from '@nestjs/core';
import type { z } from 'zod';
import { AdminModule } from './admin/admin.module.js';
import { BoomController } from './boom/boom.controller.js';
import { CommonModule } from './common/common.module.js';
import { ProblemFilter } from './common/errors/problem.filter.js';
import { invalidRequest } from './common/errors/schema-issues.js';
import { parseEnv } from './config/env.schema.js';
import { HealthModule } from './health/health.module.js';
import { MetaModule } from './meta/meta.module.js';
import { MetricsModule } from './metrics/metrics.module.js';
import { ModelRegistryModule } from './model-registry/model-registry.module.js';
import { AuditModule } from './prediction-log/audit/audit.module.js';
import { PredictionModule } from './prediction/prediction.module.js';
import { WebhookModule } from './webhook/webhook.module.js';
import { RuntimeModule, type RuntimeFacts } from './runtime.module.js';

/** The architecture on one page. */
@Module({})
export class AppModule {
  static register(facts: RuntimeFacts): DynamicModule {
    return {
      module: AppModule,
      imports: [
        // Nothing but what parseEnv gives: a schema's result would be laid over the raw variables, where an empty one is set.
        ConfigModule.forRoot({ isGlobal: true, skipProcessEnv: true, validate: parseEnv }),
        RuntimeModule.register(facts),
        CommonModule,
        ModelRegistryModule,
        WebhookModule,
        AdminModule,
        PredictionModule,
        AuditModule,
        HealthModule,
        MetaModule,
        MetricsModule,
      ],
      controllers: [BoomController],
      providers: [
        { provide: APP_FILTER, useClass: ProblemFilter },
        {
          provide: APP_PIPE,
          useValue: new StandardSchemaValidationPipe({
            exceptionFactory: (issues) => invalidRequest(issues as readonly z.core.$ZodIssue[]),
          }),
        },
      ],
    };
  }
}
