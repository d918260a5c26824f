import { Controller, Get, NotFoundException } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Env } from '../config/env.schema.js';
import { ApiProblems } from '../openapi/api-problems.decorator.js';

@ApiTags('operations')
@Controller('boom')
export class BoomController {
  constructor(private readonly config: ConfigService<Env, true>) {}

  @Get()
  @ApiOperation({ operationId: 'boom', summary: 'Fails on purpose, to see the alarms work; 404 unless BOOM_ENABLED' })
  @ApiProblems('ROUTE_NOT_FOUND')
  boom(): never {
    if (!this.config.get('BOOM_ENABLED', { infer: true })) throw new NotFoundException();
    throw new Error('GET /boom was called');
  }
}
