import { Controller, Get, UseFilters } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { HealthCheck, HealthCheckService, type HealthCheckResult } from '@nestjs/terminus';
import { ApiProblems } from '../openapi/api-problems.decorator.js';
import { DatabaseHealthIndicator } from './database.health.js';
import { HealthCheckFilter } from './health-check.filter.js';
import { ModelHealthIndicator } from './model.health.js';
import { RegistryHealthIndicator } from './registry.health.js';
import { ShutdownHealthIndicator } from './shutdown.health.js';

/**
 * Probes. Only what is this instance's own decides readiness: the registry, the object store and the database are
 * shared, and an outage of one must not take every replica out at once.
 */
@ApiTags('operations')
@UseFilters(HealthCheckFilter)
@Controller('health')
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly model: ModelHealthIndicator,
    private readonly registry: RegistryHealthIndicator,
    private readonly database: DatabaseHealthIndicator,
    private readonly shutdown: ShutdownHealthIndicator,
  ) {}

  @Get()
  @HealthCheck()
  @ApiOperation({ operationId: 'getHealth', summary: 'Every check, in detail' })
  @ApiProblems()
  check(): Promise<HealthCheckResult> {
    return this.health.check([
      () => this.model.check(),
      () => this.registry.check(),
      ...(this.database.isInUse ? [() => this.database.check()] : []),
      () => this.shutdown.check(),
    ]);
  }

  @Get('live')
  @HealthCheck()
  @ApiOperation({ operationId: 'getLiveness', summary: 'The process answers; touches nothing' })
  @ApiProblems()
  live(): Promise<HealthCheckResult> {
    return this.health.check([]);
  }

  @Get('ready')
  @HealthCheck()
  @ApiOperation({ operationId: 'getReadiness', summary: 'A model is live and the instance is not shutting down' })
  @ApiProblems()
  ready(): Promise<HealthCheckResult> {
    return this.health.check([() => this.model.check(), () => this.shutdown.check()]);
  }

  @Get('startup')
  @HealthCheck()
  @ApiOperation({ operationId: 'getStartup', summary: 'The first attempt to load a model has ended' })
  @ApiProblems()
  startup(): Promise<HealthCheckResult> {
    return this.health.check([]);
  }
}
