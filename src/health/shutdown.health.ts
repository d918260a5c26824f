import { Injectable } from '@nestjs/common';
import { HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import { Shutdown } from '../common/shutdown/shutdown.js';

@Injectable()
export class ShutdownHealthIndicator {
  constructor(
    private readonly indicators: HealthIndicatorService,
    private readonly shutdown: Shutdown,
  ) {}

  check(): HealthIndicatorResult<'shutdown'> {
    const indicator = this.indicators.check('shutdown');
    return this.shutdown.isBegun ? indicator.down('The instance is shutting down.') : indicator.up();
  }
}
