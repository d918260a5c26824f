import { Module } from '@nestjs/common';
import { PrometheusModule } from '@willsoto/nestjs-prometheus';
import { HttpMetrics, httpMetricProviders } from './http-metrics.js';
import { MetricsController } from './metrics.controller.js';
import { OutputMetrics, outputMetricProviders } from './output-metrics.js';

@Module({
  imports: [PrometheusModule.register({ controller: MetricsController })],
  providers: [HttpMetrics, ...httpMetricProviders, OutputMetrics, ...outputMetricProviders],
  exports: [HttpMetrics, ...httpMetricProviders],
})
export class MetricsModule {}
