import { Injectable } from '@nestjs/common';
import { HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import { RegistryStatus } from '../model-registry/reload/registry-status.js';

/** At worst `degraded`: the service goes on with the model it has. */
@Injectable()
export class RegistryHealthIndicator {
  constructor(
    private readonly indicators: HealthIndicatorService,
    private readonly status: RegistryStatus,
  ) {}

  check(): HealthIndicatorResult<'registry'> {
    const indicator = this.indicators.check('registry');
    const { degradedBecause, looks } = this.status;
    const knowledge = { lastSuccessAt: looks.lastSuccessAt };
    return degradedBecause === undefined
      ? indicator.up(knowledge)
      : indicator.degraded({ ...knowledge, message: degradedBecause });
  }
}
