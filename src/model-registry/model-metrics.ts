import { Injectable } from '@nestjs/common';
import { InjectMetric, makeGaugeProvider } from '@willsoto/nestjs-prometheus';
import type { Gauge } from 'prom-client';
import type { ServedModel } from './served-model.js';

export const modelMetricProviders = [
  makeGaugeProvider({
    name: 'model_info',
    help: 'The live model; always 1.',
    labelNames: ['name', 'version', 'alias', 'digest'],
  }),
  makeGaugeProvider({ name: 'model_loaded_timestamp_seconds', help: 'When the live model was loaded, in Unix time.' }),
];

@Injectable()
export class ModelMetrics {
  constructor(
    @InjectMetric('model_info') private readonly info: Gauge,
    @InjectMetric('model_loaded_timestamp_seconds') private readonly loadedTimestamp: Gauge,
  ) {}

  modelActivated({ ref, loadedAt }: ServedModel): void {
    this.info.reset();
    this.info.set({ ...ref, alias: ref.alias ?? '' }, 1);
    this.loadedTimestamp.set(loadedAt.getTime() / 1000);
  }
}
