import { Body, Controller, Param, Post, Req, UseGuards } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiBearerAuth, ApiBody, ApiConsumes, ApiCreatedResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { ErrorCode } from '../../common/errors/error-codes.js';
import type { RouteSettings } from '../../common/http/route-settings.js';
import { ApiProblems } from '../../openapi/api-problems.decorator.js';
import { schemaReference } from '../../openapi/schema-reference.js';
import { RequestOrigin } from '../request-origin.js';
import { AuditTokenGuard } from './audit-token.guard.js';
import { AuditTrail } from './audit-trail.js';
import { parseOutcomeLines } from './outcome-lines.js';
import {
  MAX_OUTCOME_LINES,
  outcomeLineSchema,
  outcomeRequestSchema,
  type OutcomeRequest,
  outcomesResponseSchema,
  type OutcomesResponse,
} from './outcome.schemas.js';
import { OutcomesService } from './outcomes.service.js';
import { outcomeOf } from './prediction-record-view.js';
import { type Outcome, outcomeSchema, predictionIdSchema, type PredictionId } from './record.schemas.js';

const LINES_BODY_LIMIT_BYTES = 256 * 1024;

const OUTCOME_PROBLEMS = [
  'INVALID_REQUEST',
  'UNAUTHORIZED',
  'ROUTE_NOT_FOUND',
  'PREDICTION_NOT_FOUND',
  'PAYLOAD_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
  'TOO_MANY_FAILURES',
  'PREDICTION_NOT_RECORDED',
  'PREDICTION_LOG_UNAVAILABLE',
] as const satisfies readonly ErrorCode[];

/** What really happened to those who were scored. */
@ApiTags('audit')
@ApiBearerAuth()
@UseGuards(AuditTokenGuard)
@Controller('predictions')
export class OutcomesController {
  constructor(
    private readonly outcomes: OutcomesService,
    private readonly origin: RequestOrigin,
    private readonly trail: AuditTrail,
  ) {}

  @Post(':id/outcome')
  @ApiOperation({
    operationId: 'recordOutcome',
    summary: 'Adds what really happened to a recorded answer; what was recorded last counts',
  })
  @ApiCreatedResponse({ standardSchema: outcomeSchema, description: 'The outcome, beside those that were there.' })
  @ApiProblems('INVALID_JSON', ...OUTCOME_PROBLEMS)
  async record(
    @Param({ schema: predictionIdSchema }) { id }: PredictionId,
    @Body({ schema: outcomeRequestSchema }) body: OutcomeRequest,
    @Req() request: FastifyRequest,
  ): Promise<Outcome> {
    this.trail.note(request, 'recordOutcome', id);
    const [outcome] = await this.outcomes.record([{ predictionId: id, ...body }], this.origin.of(request));
    return outcomeOf(outcome!);
  }

  @Post('outcomes')
  @RouteConfig({ bodyLimitBytes: LINES_BODY_LIMIT_BYTES, lines: true } satisfies RouteSettings)
  @ApiOperation({
    operationId: 'recordOutcomes',
    summary: `The same for up to ${MAX_OUTCOME_LINES} answers, all or nothing; one JSON object a line`,
  })
  @ApiConsumes('application/x-ndjson')
  @ApiBody({ required: true, schema: schemaReference(outcomeLineSchema), description: 'As many of these as lines.' })
  @ApiCreatedResponse({ standardSchema: outcomesResponseSchema, description: 'All are recorded.' })
  @ApiProblems(...OUTCOME_PROBLEMS)
  async recordLines(@Body() body: Buffer | undefined, @Req() request: FastifyRequest): Promise<OutcomesResponse> {
    this.trail.note(request, 'recordOutcomes');
    // Fastify parses nothing where there is neither a body nor a content type.
    const outcomes = parseOutcomeLines(body ?? new Uint8Array());
    await this.outcomes.record(outcomes, this.origin.of(request));
    return { recorded: outcomes.length };
  }
}
