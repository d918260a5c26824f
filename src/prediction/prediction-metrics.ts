import { Injectable } from '@nestjs/common';
import { InjectMetric, makeCounterProvider } from '@willsoto/nestjs-prometheus';
import type { Counter } from 'prom-client';
import {
  type HistogramSeries,
  makeSeriesHistogramProvider,
  type SeriesHistogram,
} from '../common/metrics/series-histogram.js';
import { ActiveModel } from '../model-registry/active-model.js';
import { isProbability, type ModelRun } from '../model-registry/runner/model-runner.js';
import type { ScoringSpec } from '../model-registry/served-model.js';

export const predictionMetricProviders = [
  makeCounterProvider({
    name: 'predictions_total',
    help: 'Rows scored, by model version and predicted class.',
    labelNames: ['version', 'prediction'],
  }),
  makeSeriesHistogramProvider({
    name: 'prediction_probability',
    help: 'Probabilities of default that the model gave.',
    buckets: Array.from({ length: 20 }, (_, i) => (i + 1) / 20),
  }),
  makeSeriesHistogramProvider({
    name: 'model_inference_duration_seconds',
    help: 'Time of one run of the model, whatever its number of rows.',
    buckets: [25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3],
  }),
  makeSeriesHistogramProvider({
    name: 'model_inference_batch_rows',
    help: 'Rows in one run of the model.',
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 4096, 10_000],
  }),
];

const CLASSES = ['0', '1'];

@Injectable()
export class PredictionMetrics {
  private readonly versions = new Set<string>();
  private readonly probability: HistogramSeries;
  private readonly inferenceDuration: HistogramSeries;
  private readonly batchRows: HistogramSeries;

  constructor(
    activeModel: ActiveModel,
    @InjectMetric('predictions_total') private readonly predictions: Counter,
    @InjectMetric('prediction_probability') probability: SeriesHistogram,
    @InjectMetric('model_inference_duration_seconds') inferenceDuration: SeriesHistogram,
    @InjectMetric('model_inference_batch_rows') batchRows: SeriesHistogram,
  ) {
    this.probability = probability.series();
    this.inferenceDuration = inferenceDuration.series();
    this.batchRows = batchRows.series();
    activeModel.onSwap((live, replaced) => {
      this.forgetOthers(live.ref.version, replaced?.ref.version);
      for (const prediction of CLASSES) this.predictions.inc({ version: live.ref.version, prediction }, 0);
    });
  }

  /** One run of the model. */
  scored({ ref, threshold }: ScoringSpec, { probabilities: scores, durationMs }: ModelRun): void {
    const probabilities = scores.every(isProbability) ? scores : scores.filter(isProbability);
    let positives = 0;
    for (let i = 0; i < probabilities.length; i++) if (probabilities[i]! >= threshold) positives++;
    this.probability.observeAll(probabilities);
    const negatives = probabilities.length - positives;
    if (positives > 0) this.predictions.inc({ version: ref.version, prediction: '1' }, positives);
    if (negatives > 0) this.predictions.inc({ version: ref.version, prediction: '0' }, negatives);
    this.inferenceDuration.observe(durationMs / 1000);
    this.batchRows.observe(scores.length);
  }

  /** A service that lives through many versions must not keep a series for each; the last one's may yet be scraped. */
  private forgetOthers(live: string, replaced: string | undefined): void {
    for (const version of this.versions) {
      if (version === live || version === replaced) continue;
      for (const prediction of CLASSES) this.predictions.remove({ version, prediction });
      this.versions.delete(version);
    }
    this.versions.add(live);
  }
}
