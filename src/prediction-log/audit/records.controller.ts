import { Controller, Delete, Get, Param, Query, Req, UseGuards } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { RouteSettings } from '../../common/http/route-settings.js';
import { ApiProblems } from '../../openapi/api-problems.decorator.js';
import { AuditTokenGuard } from './audit-token.guard.js';
import { AuditTrail } from './audit-trail.js';
import { ErasureService } from './erasure.service.js';
import { PredictionRecords } from './prediction-records.js';
import {
  eraseQuerySchema,
  type EraseQuery,
  eraseResponseSchema,
  type EraseResponse,
  listQuerySchema,
  type ListQuery,
  predictionIdSchema,
  type PredictionId,
  predictionPageSchema,
  type PredictionPage,
  predictionRecordSchema,
  type PredictionRecord,
  replayResponseSchema,
  type ReplayResponse,
} from './record.schemas.js';
import { ReplayService } from './replay.service.js';

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

  @Get()
  @ApiOperation({ operationId: 'listPredictions', summary: 'Recorded answers, newest first, in pages' })
  @ApiOkResponse({ standardSchema: predictionPageSchema, description: 'A page.' })
  @ApiProblems('INVALID_REQUEST', 'UNAUTHORIZED', 'ROUTE_NOT_FOUND', 'TOO_MANY_FAILURES', 'PREDICTION_LOG_UNAVAILABLE')
  list(@Query({ schema: listQuerySchema }) query: ListQuery, @Req() request: FastifyRequest): Promise<PredictionPage> {
    this.trail.note(request, 'listPredictions');
    return this.records.list(query);
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

  @Delete()
  @RouteConfig({ optionalBody: true } satisfies RouteSettings)
  @ApiOperation({
    operationId: 'erasePredictions',
    summary: 'Erases inputs and reference of every answer with this reference; scores and chain stay',
  })
  @ApiOkResponse({ standardSchema: eraseResponseSchema, description: 'What was erased, also when it was nothing.' })
  @ApiProblems(
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
  )
  erase(
    @Query({ schema: eraseQuerySchema }) { reference }: EraseQuery,
    @Req() request: FastifyRequest,
  ): Promise<EraseResponse> {
    this.trail.note(request, 'erasePredictions');
    return this.erasures.erase(reference, request.id);
  }
}
