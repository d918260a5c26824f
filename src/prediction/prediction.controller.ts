import { Controller, HttpCode, HttpStatus, Post, Req, Res } from '@nestjs/common';
import { ApiBody, ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ErrorCode } from '../common/errors/error-codes.js';
import { invalidRequest } from '../common/errors/schema-issues.js';
import { freeBytes } from '../common/http/free-bytes.js';
import { ApiProblems } from '../openapi/api-problems.decorator.js';
import { headerReferences } from '../openapi/response-headers.js';
import { schemaReference } from '../openapi/schema-reference.js';
import type { RouteSettings } from '../common/http/route-settings.js';
import { Idempotency } from '../prediction-log/idempotency/idempotency.js';
import { RequestOrigin } from '../prediction-log/request-origin.js';
import { BatchAdmission } from './batch/batch-admission.js';
import { rewriteBatchReply } from './batch/batch-reply.js';
import { BatchService } from './batch/batch.service.js';
import { PredictionService } from './prediction.service.js';
import {
  predictBatchRequestSchema,
  predictBatchResponseSchema,
  predictRequestSchema,
  predictResponseSchema,
} from './prediction.schemas.js';

const BATCH_BODY_LIMIT_BYTES = 16 * 1024 * 1024;

/** What can be wrong with rows to score, one or many. */
const SCORING_PROBLEMS = [
  'INVALID_JSON',
  'INVALID_REQUEST',
  'PAYLOAD_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
  'FEATURES_MISMATCH',
  'NO_PROBABILITY',
  'MODEL_NOT_READY',
  'IDEMPOTENCY_UNSUPPORTED',
  'IDEMPOTENCY_IN_PROGRESS',
  'IDEMPOTENCY_KEY_REUSED',
  'PREDICTION_NOT_RECORDED',
  'PREDICTION_LOG_UNAVAILABLE',
  'PREDICTION_LOG_FULL',
  'OVERLOADED',
] as const satisfies readonly ErrorCode[];

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  required: false,
  description:
    'A key of your choice for this request, of 1 to 255 visible ASCII characters. When the same request comes again with it ' +
    'within 24 hours, the first answer is repeated and nothing is recorded anew.',
  schema: { type: 'string' as const, minLength: 1, maxLength: 255 },
};

const REPLAYED = headerReferences(['Idempotency-Replayed']);

/** What the model answers is JSON text already. */
const JSON_TYPE = 'application/json; charset=utf-8';

/**
 * The scoring routes. Their handlers take what Fastify has and return the reply's text, so that they run without Nest's
 * pipeline (`direct`): it would cost more than the prediction.
 */
@ApiTags('prediction')
@Controller('predict')
export class PredictionController {
  constructor(
    private readonly predictions: PredictionService,
    private readonly batches: BatchService,
    private readonly batchAdmission: BatchAdmission,
    private readonly origin: RequestOrigin,
    private readonly idempotency: Idempotency,
  ) {}

  @Post()
  @HttpCode(HttpStatus.OK)
  @RouteConfig({ direct: 'predict' } satisfies RouteSettings)
  @ApiOperation({ operationId: 'predict', summary: 'Probability of default for one application' })
  @ApiBody({ required: true, schema: schemaReference(predictRequestSchema) })
  @ApiHeader(IDEMPOTENCY_KEY)
  @ApiOkResponse({ standardSchema: predictResponseSchema, headers: REPLAYED, description: 'The answer.' })
  @ApiProblems(...SCORING_PROBLEMS)
  async predict(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string | Uint8Array> {
    const body = predictRequestSchema.safeParse(request.body);
    if (!body.success) throw invalidRequest(body.error.issues);
    void reply.type(JSON_TYPE);
    // Awaited, since a promise that is returned settles two microtasks later.
    return await this.idempotency.run(request, reply, (keyed) =>
      this.predictions.predict(body.data, this.origin.of(request), keyed),
    );
  }

  @Post('batch')
  @HttpCode(HttpStatus.OK)
  @RouteConfig({
    direct: 'predictBatch',
    bodyLimitBytes: BATCH_BODY_LIMIT_BYTES,
    rawBody: true,
    largeBatches: true,
  } satisfies RouteSettings)
  @ApiOperation({
    operationId: 'predictBatch',
    summary: 'Probabilities for up to 10,000 applications, all or nothing',
  })
  @ApiBody({ required: true, schema: schemaReference(predictBatchRequestSchema) })
  @ApiHeader(IDEMPOTENCY_KEY)
  @ApiOkResponse({
    standardSchema: predictBatchResponseSchema,
    headers: REPLAYED,
    description: 'The answers, in order.',
  })
  @ApiProblems(...SCORING_PROBLEMS)
  async predictBatch(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Uint8Array> {
    // Fastify parses nothing where there is neither a body nor a content type.
    const body = (request.body as Buffer<ArrayBuffer> | undefined) ?? Buffer.alloc(0);
    void reply.type(JSON_TYPE);
    return this.batchAdmission.answering(request, () =>
      this.idempotency.run(
        request,
        reply,
        async (keyed) => {
          const answer = await this.batches.predict(body, this.origin.of(request), keyed);
          reply.raw.once('close', () => freeBytes(answer));
          return answer;
        },
        rewriteBatchReply,
      ),
    );
  }
}
