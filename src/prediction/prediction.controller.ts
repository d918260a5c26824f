import { Body, Controller, Header, HttpCode, HttpStatus, Post } from '@nestjs/common';
import { ApiOperation, ApiOkResponse, ApiTags, ApiBody } from '@nestjs/swagger';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { ErrorCode } from '../common/errors/error-codes.js';
import { ApiProblems } from '../openapi/api-problems.decorator.js';
import { schemaReference } from '../openapi/schema-reference.js';
import type { RouteSettings } from '../common/http/route-settings.js';
import { BatchService } from './batch/batch.service.js';
import { PredictionService } from './prediction.service.js';
import {
  predictBatchRequestSchema,
  predictBatchResponseSchema,
  predictRequestSchema,
  predictResponseSchema,
  type PredictRequest,
  type PredictResponse,
} from './prediction.schemas.js';

const BATCH_BODY_LIMIT_BYTES = 16 * 1024 * 1024;

/** What can be wrong with rows to score, one or many. */
const SCORING_PROBLEMS = [
  'INVALID_JSON',
  'INVALID_REQUEST',
  'PAYLOAD_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
  'FEATURES_MISMATCH',
  'MODEL_NOT_READY',
] as const satisfies readonly ErrorCode[];

@ApiTags('prediction')
@Controller('predict')
export class PredictionController {
  constructor(
    private readonly predictions: PredictionService,
    private readonly batches: BatchService,
  ) {}

  @Post()
  @HttpCode(HttpStatus.OK)
  @ApiOperation({ operationId: 'predict', summary: 'Probability of default for one application' })
  @ApiOkResponse({ standardSchema: predictResponseSchema, description: 'The answer.' })
  @ApiProblems(...SCORING_PROBLEMS)
  predict(@Body({ schema: predictRequestSchema }) request: PredictRequest): Promise<PredictResponse> {
    return this.predictions.predict(request);
  }

  @Post('batch')
  @HttpCode(HttpStatus.OK)
  @Header('Content-Type', 'application/json; charset=utf-8')
  @RouteConfig({ bodyLimitBytes: BATCH_BODY_LIMIT_BYTES, rawBody: true, largeBatches: true } satisfies RouteSettings)
  @ApiOperation({
    operationId: 'predictBatch',
    summary: 'Probabilities for up to 10,000 applications, all or nothing',
  })
  @ApiBody({ required: true, schema: schemaReference(predictBatchRequestSchema) })
  @ApiOkResponse({ standardSchema: predictBatchResponseSchema, description: 'The answers, in order.' })
  @ApiProblems(...SCORING_PROBLEMS, 'OVERLOADED')
  predictBatch(@Body() body: Buffer | undefined): Promise<Uint8Array> {
    // Fastify parses nothing where there is neither a body nor a content type.
    return this.batches.predict(body ?? new Uint8Array());
  }
}
