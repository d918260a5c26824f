import { Body, Controller, Get, HttpCode, HttpStatus, Post, UseGuards } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiBearerAuth, ApiBody, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { ErrorCode } from '../common/errors/error-codes.js';
import type { RouteSettings } from '../common/http/route-settings.js';
import { ApiProblems } from '../openapi/api-problems.decorator.js';
import { schemaReference } from '../openapi/schema-reference.js';
import { AdminService } from './admin.service.js';
import { AdminTokenGuard } from './admin-token.guard.js';
import {
  adminModelSchema,
  type AdminModel,
  reloadRequestSchema,
  reloadResponseSchema,
  type ReloadRequest,
  type ReloadResponse,
} from './admin.schemas.js';

/** What can be wrong with a body, also where none is needed. */
const BODY_PROBLEMS = [
  'INVALID_JSON',
  'PAYLOAD_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
] as const satisfies readonly ErrorCode[];

/** What an operator may do to this instance's model. */
@ApiTags('admin')
@ApiBearerAuth()
@UseGuards(AdminTokenGuard)
@Controller('admin/model')
export class AdminController {
  constructor(private readonly admin: AdminService) {}

  @Get()
  @ApiOperation({ operationId: 'getAdminModel', summary: 'Live, previous and candidate version, and what happened' })
  @ApiOkResponse({ standardSchema: adminModelSchema, description: 'The state of this instance.' })
  @ApiProblems('UNAUTHORIZED', 'ROUTE_NOT_FOUND', 'TOO_MANY_FAILURES')
  model(): AdminModel {
    return this.admin.model();
  }

  @Post('reload')
  @HttpCode(HttpStatus.OK)
  @RouteConfig({ optionalBody: true } satisfies RouteSettings)
  @ApiOperation({
    operationId: 'reloadModel',
    summary: 'Looks at the source now, or pins a version; waits for the end',
  })
  @ApiBody({ required: false, schema: schemaReference(reloadRequestSchema) })
  @ApiOkResponse({ standardSchema: reloadResponseSchema, description: 'What happened.' })
  @ApiProblems(
    ...BODY_PROBLEMS,
    'INVALID_REQUEST',
    'UNAUTHORIZED',
    'ROUTE_NOT_FOUND',
    'VERSION_NOT_FOUND',
    'MODEL_REJECTED',
    'TOO_MANY_FAILURES',
    'REGISTRY_UNAVAILABLE',
  )
  reload(@Body({ schema: reloadRequestSchema }) { version }: ReloadRequest): Promise<ReloadResponse> {
    return version === undefined ? this.admin.reload() : this.admin.pin(version);
  }

  @Post('rollback')
  @HttpCode(HttpStatus.OK)
  @RouteConfig({ optionalBody: true } satisfies RouteSettings)
  @ApiOperation({ operationId: 'rollbackModel', summary: 'Goes back to the version that served before, and pins it' })
  @ApiOkResponse({ standardSchema: reloadResponseSchema, description: 'What happened.' })
  @ApiProblems(
    ...BODY_PROBLEMS,
    'UNAUTHORIZED',
    'ROUTE_NOT_FOUND',
    'NO_PREVIOUS_MODEL',
    'MODEL_REJECTED',
    'TOO_MANY_FAILURES',
  )
  rollback(): Promise<ReloadResponse> {
    return this.admin.rollback();
  }

  @Post('unpin')
  @HttpCode(HttpStatus.OK)
  @RouteConfig({ optionalBody: true } satisfies RouteSettings)
  @ApiOperation({ operationId: 'unpinModel', summary: 'Follows the source again' })
  @ApiOkResponse({ standardSchema: reloadResponseSchema, description: 'What happened.' })
  @ApiProblems(...BODY_PROBLEMS, 'UNAUTHORIZED', 'ROUTE_NOT_FOUND', 'TOO_MANY_FAILURES', 'MODEL_NOT_READY')
  unpin(): Promise<ReloadResponse> {
    return this.admin.unpin();
  }
}
