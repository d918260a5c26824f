import { type DynamicModule, Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { APP_FILTER, APP_PIPE } from '@nestjs/core';
import { StandardSchemaValidationPipe } from '@nestjs/common';
import type { z } from 'zod';
import { BoomController } from './boom/boom.controller.js';
import { CommonModule } from './common/common.module.js';
import { ProblemFilter } from './common/errors/problem.filter.js';
import { invalidRequest } from './common/errors/schema-issues.js';
import { envSchema } from './config/env.schema.js';
import { HealthModule } from './health/health.module.js';
import { MetaModule } from './meta/meta.module.js';
import { MetricsModule } from './metrics/metrics.module.js';
import { ModelRegistryModule } from './model-registry/model-registry.module.js';
import { PredictionModule } from './prediction/prediction.module.js';
import { RuntimeModule, type RuntimeFacts } from './runtime.module.js';

/** The architecture on one page. */
@Module({})
export class AppModule {
  static register(facts: RuntimeFacts): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.forRoot({ isGlobal: true, cache: true, validationSchema: envSchema }),
        RuntimeModule.register(facts),
        CommonModule,
        ModelRegistryModule,
        PredictionModule,
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
