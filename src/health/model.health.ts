import { Injectable } from '@nestjs/common';
import { HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import { ActiveModel } from '../model-registry/active-model.js';

@Injectable()
export class ModelHealthIndicator {
  constructor(
    private readonly indicators: HealthIndicatorService,
    private readonly activeModel: ActiveModel,
  ) {}

  check(): HealthIndicatorResult<'model'> {
    const indicator = this.indicators.check('model');
    const model = this.activeModel.peek();
    return model
      ? indicator.up({ name: model.ref.name, version: model.ref.version })
      : indicator.down('No model is live.');
  }
}
