import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query, Req, Res, UseGuards } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiBearerAuth, ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ErrorCode } from '../../common/errors/error-codes.js';
import type { RouteSettings } from '../../common/http/route-settings.js';
import { ApiProblems } from '../../openapi/api-problems.decorator.js';
import { AuditTokenGuard } from './audit-token.guard.js';
import { AuditTrail } from './audit-trail.js';
import { DEPRECATION_HEADERS, markDeprecated } from './deprecated-form.js';
import { ErasureService } from './erasure.service.js';
import { PredictionRecords } from './prediction-records.js';
import {
  eraseQuerySchema,
  eraseRequestSchema,
  type EraseRequest,
  eraseResponseSchema,
  type EraseResponse,
  listQuerySchema,
  noQuerySchema,
  predictionIdSchema,
  type PredictionId,
  predictionPageSchema,
  type PredictionPage,
  predictionRecordSchema,
  type PredictionRecord,
  type RecordFilter,
  replayResponseSchema,
  type ReplayResponse,
  searchRequestSchema,
} from './record.schemas.js';
import { ReplayService } from './replay.service.js';

const ERASURE_PROBLEMS = [
  'INVALID_JSON',
  'INVALID_REQUEST',
  'UNAUTHORIZED',
  'ROUTE_NOT_FOUND',
  'LEGAL_HOLD',
  'PAYLOAD_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
  'TOO_MANY_FAILURES',
  'PREDICTION_NOT_RECORDED',
  'PREDICTION_LOG_UNAVAILABLE',
] as const satisfies readonly ErrorCode[];

/** What was answered, for those who have to show it. */
@ApiTags('audit')
@ApiBearerAuth()
@UseGuards(AuditTokenGuard)
@Controller('predictions')
export class RecordsController {
  constructor(
    private readonly records: PredictionRecords,
    private readonly replays: ReplayService,
    private readonly erasures: ErasureService,
    private readonly trail: AuditTrail,
  ) {}

  @Post('search')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'searchPredictions',
    summary: 'Recorded answers by reference, time and version, newest first, in pages',
  })
  @ApiOkResponse({ standardSchema: predictionPageSchema, description: 'A page.' })
  @ApiProblems(
    'INVALID_JSON',
    'INVALID_REQUEST',
    'UNAUTHORIZED',
    'ROUTE_NOT_FOUND',
    'PAYLOAD_TOO_LARGE',
    'UNSUPPORTED_MEDIA_TYPE',
    'TOO_MANY_FAILURES',
    'PREDICTION_LOG_UNAVAILABLE',
  )
  search(
    @Body({ schema: searchRequestSchema }) filter: RecordFilter,
    @Query({ schema: noQuerySchema }) _query: unknown,
    @Req() request: FastifyRequest,
  ): Promise<PredictionPage> {
    this.trail.note(request, 'searchPredictions');
    return this.records.list(filter);
  }

  @Get()
  @ApiOperation({ operationId: 'listPredictions', summary: 'The same by time and version alone' })
  @ApiOkResponse({ standardSchema: predictionPageSchema, description: 'A page.', headers: DEPRECATION_HEADERS })
  @ApiProblems('INVALID_REQUEST', 'UNAUTHORIZED', 'ROUTE_NOT_FOUND', 'TOO_MANY_FAILURES', 'PREDICTION_LOG_UNAVAILABLE')
  async list(
    @Query({ schema: listQuerySchema }) filter: RecordFilter,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PredictionPage> {
    this.trail.note(request, 'listPredictions');
    const page = await this.records.list(filter);
    if (filter.reference !== undefined) markDeprecated(reply, '/predictions/search');
    return page;
  }

  @Get(':id')
  @ApiOperation({
    operationId: 'getPrediction',
    summary: 'A recorded answer: inputs, model, outcomes, place in the chain',
  })
  @ApiOkResponse({ standardSchema: predictionRecordSchema, description: 'The record.' })
  @ApiProblems(
    'INVALID_REQUEST',
    'UNAUTHORIZED',
    'ROUTE_NOT_FOUND',
    'PREDICTION_NOT_FOUND',
    'TOO_MANY_FAILURES',
    'PREDICTION_LOG_UNAVAILABLE',
  )
  get(
    @Param({ schema: predictionIdSchema }) { id }: PredictionId,
    @Req() request: FastifyRequest,
  ): Promise<PredictionRecord> {
    this.trail.note(request, 'getPrediction', id);
    return this.records.get(id);
  }

  @Get(':id/replay')
  @ApiOperation({
    operationId: 'replayPrediction',
    summary: 'Scores the recorded inputs again with the version that scored them; one at a time',
  })
  @ApiOkResponse({ standardSchema: replayResponseSchema, description: 'Both scores, and whether they are the same.' })
  @ApiProblems(
    'INVALID_REQUEST',
    'UNAUTHORIZED',
    'ROUTE_NOT_FOUND',
    'PREDICTION_NOT_FOUND',
    'MODEL_GONE',
    'PREDICTION_ERASED',
    'TOO_MANY_FAILURES',
    'REGISTRY_UNAVAILABLE',
    'PREDICTION_LOG_UNAVAILABLE',
    'OVERLOADED',
  )
  replay(
    @Param({ schema: predictionIdSchema }) { id }: PredictionId,
    @Req() request: FastifyRequest,
  ): Promise<ReplayResponse> {
    this.trail.note(request, 'replayPrediction', id);
    return this.replays.replay(id);
  }

  @Post('erasures')
  @ApiOperation({
    operationId: 'eraseReference',
    summary: 'Erases inputs and reference of every answer with this reference; scores and chain stay',
  })
  @ApiCreatedResponse({
    standardSchema: eraseResponseSchema,
    description: 'What was erased, also when it was nothing.',
  })
  @ApiProblems(...ERASURE_PROBLEMS)
  erase(
    @Body({ schema: eraseRequestSchema }) { reference }: EraseRequest,
    @Query({ schema: noQuerySchema }) _query: unknown,
    @Req() request: FastifyRequest,
  ): Promise<EraseResponse> {
    this.trail.note(request, 'eraseReference');
    return this.erasures.erase(reference, request.id);
  }

  @Delete()
  @RouteConfig({ optionalBody: true } satisfies RouteSettings)
  @ApiOperation({
    operationId: 'erasePredictions',
    summary: 'The same with the reference in the URL, which is written down on its way: use POST /predictions/erasures',
    deprecated: true,
  })
  @ApiOkResponse({ standardSchema: eraseResponseSchema, description: 'What was erased.', headers: DEPRECATION_HEADERS })
  @ApiProblems(...ERASURE_PROBLEMS)
  async eraseByQuery(
    @Query({ schema: eraseQuerySchema }) { reference }: EraseRequest,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<EraseResponse> {
    this.trail.note(request, 'erasePredictions');
    const erased = await this.erasures.erase(reference, request.id);
    markDeprecated(reply, '/predictions/erasures');
    return erased;
  }
}
