import { Controller, Get, Inject } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Env } from '../config/env.schema.js';
import { ActiveModel } from '../model-registry/active-model.js';
import { RegistryStatus } from '../model-registry/reload/registry-status.js';
import { ModelSource } from '../model-registry/source/model-source.js';
import { ApiProblems } from '../openapi/api-problems.decorator.js';
import { SERVICE_VERSION } from './service-version.js';
import { metaResponseSchema, type MetaResponse } from './meta.schema.js';

@ApiTags('operations')
@Controller('meta')
export class MetaController {
  constructor(
    private readonly config: ConfigService<Env, true>,
    @Inject(SERVICE_VERSION) private readonly version: string,
    private readonly activeModel: ActiveModel,
    private readonly status: RegistryStatus,
    @Inject(ModelSource) private readonly source: ModelSource,
  ) {}

  @Get()
  @ApiOperation({ operationId: 'getMeta', summary: 'What this instance is and which model it serves' })
  @ApiOkResponse({ standardSchema: metaResponseSchema, description: 'The service and its live model.' })
  @ApiProblems()
  meta(): MetaResponse {
    const model = this.activeModel.peek();
    return {
      service: {
        name: 'credit-default-service',
        version: this.version,
        commit: this.config.get('GIT_COMMIT', { infer: true }),
      },
      model: model
        ? {
            ...model.ref,
            runId: model.runId ?? null,
            loadedAt: model.loadedAt.toISOString(),
            digestVouched: model.digestVouched,
            sourceUri: model.sourceUri,
            inputs: model.inputs.map(({ name, description, range, nullable }) => ({
              name,
              type: 'float32',
              description: description ?? null,
              range: range ? [...range] : null,
              nullable,
            })),
            threshold: model.threshold,
            defaultClass: model.defaultClass,
            probabilityColumns: model.output.columns,
            singleRows: model.runner.singleRows,
            trainingMetrics: { ...model.trainingMetrics },
            warnings: [...model.warnings],
          }
        : null,
      registry: {
        uri: this.source.uri,
        following: !this.status.snapshot.pinned,
        ...this.status.looks,
        degraded: this.status.degradedBecause ?? null,
      },
    };
  }
}
