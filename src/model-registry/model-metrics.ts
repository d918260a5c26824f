import { Injectable } from '@nestjs/common';
import {
  InjectMetric,
  makeCounterProvider,
  makeGaugeProvider,
  makeHistogramProvider,
} from '@willsoto/nestjs-prometheus';
import type { Counter, Gauge, Histogram } from 'prom-client';
import { readAtScrape } from '../common/metrics/read-at-scrape.js';
import { startAtZero } from '../common/metrics/start-at-zero.js';
import type { ModelRef, ServedModel } from './served-model.js';

export const modelMetricProviders = [
  makeGaugeProvider({
    name: 'model_info',
    help: 'The live model; always 1.',
    labelNames: ['name', 'version', 'alias', 'digest'],
  }),
  makeGaugeProvider({ name: 'model_loaded_timestamp_seconds', help: 'When the live model was loaded, in Unix time.' }),
  makeCounterProvider({
    name: 'model_single_rows_gathered_first_total',
    help: 'Models that went live with the slower way for single rows, since the fast one was not shown to give the same scores.',
  }),
  makeGaugeProvider({
    name: 'model_warnings',
    help: 'What the live model says of itself and is not used: see GET /meta.',
  }),
  makeCounterProvider({
    name: 'model_reloads_total',
    help: 'Attempts to change or confirm what serves, by how they ended. Looks that found nothing new do not count.',
    labelNames: ['result'],
  }),
  makeHistogramProvider({
    name: 'model_reload_duration_seconds',
    help: 'Time of such an attempt, download included.',
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  }),
  makeGaugeProvider({
    name: 'model_serving_stale',
    help: '1 when the live model is not known to be what the source names: the last look failed, or that version did.',
  }),
  makeGaugeProvider({
    name: 'model_alias_behind_seconds',
    help: 'For how long the source has named a version that is not live; 0 while it is, and while a pin holds it off.',
  }),
  makeGaugeProvider({
    name: 'model_pinned',
    help: '1 while a version is pinned on this instance, so that the alias is not followed.',
  }),
  makeGaugeProvider({
    name: 'registry_up',
    help: 'Whether the last look got a usable answer; "no such alias or version" is one.',
  }),
  makeGaugeProvider({
    name: 'registry_alias_info',
    help: 'The version that the source named at the last successful look; always 1.',
    labelNames: ['version'],
  }),
  makeGaugeProvider({
    name: 'registry_last_success_timestamp_seconds',
    help: 'When the registry last said which version to serve, in Unix time.',
  }),
];

@Injectable()
export class ModelMetrics {
  constructor(
    @InjectMetric('model_info') private readonly info: Gauge,
    @InjectMetric('model_loaded_timestamp_seconds') private readonly loadedTimestamp: Gauge,
    @InjectMetric('model_single_rows_gathered_first_total') private readonly gatheredFirst: Counter,
    @InjectMetric('model_warnings') private readonly warnings: Gauge,
    @InjectMetric('model_reloads_total') private readonly reloads: Counter,
    @InjectMetric('model_reload_duration_seconds') private readonly reloadDuration: Histogram,
    @InjectMetric('model_serving_stale') private readonly servingStale: Gauge,
    @InjectMetric('model_alias_behind_seconds') private readonly aliasBehind: Gauge,
    @InjectMetric('model_pinned') private readonly modelPinned: Gauge,
    @InjectMetric('registry_up') private readonly registryUp: Gauge,
    @InjectMetric('registry_alias_info') private readonly aliasInfo: Gauge,
    @InjectMetric('registry_last_success_timestamp_seconds') private readonly lastSuccess: Gauge,
  ) {}

  modelActivated({ ref, loadedAt, runner, warnings }: ServedModel): void {
    this.modelNamed(ref);
    this.warnings.set(warnings.length);
    this.loadedTimestamp.set(loadedAt.getTime() / 1000);
    if (runner.singleRows === 'gathered-first') this.gatheredFirst.inc();
  }

  /** At a swap, and when the alias begins or ceases to name what is live. */
  modelNamed(ref: ModelRef): void {
    this.info.reset();
    this.info.set({ ...ref, alias: ref.alias ?? '' }, 1);
  }

  /** Both change with time alone, so they are read when they are scraped. */
  observeFreshness(read: () => { stale: boolean; behindMs: number }): void {
    readAtScrape(this.servingStale, () => (read().stale ? 1 : 0));
    readAtScrape(this.aliasBehind, () => read().behindMs / 1000);
  }

  reloadsMayEnd(results: readonly string[]): void {
    startAtZero(this.reloads, 'result', results);
  }

  reloadEnded(result: string, durationMs: number): void {
    this.reloads.inc({ result });
    this.reloadDuration.observe(durationMs / 1000);
  }

  pinned(pinned: boolean): void {
    this.modelPinned.set(pinned ? 1 : 0);
  }

  registryAnswered(namedVersion: string, at: Date): void {
    this.registryUp.set(1);
    this.aliasInfo.reset();
    this.aliasInfo.set({ version: namedVersion }, 1);
    this.registryLastAnswered(at);
  }

  registryLastAnswered(at: Date): void {
    this.lastSuccess.set(at.getTime() / 1000);
  }

  /** @param answered whether the registry itself is up, and only has no such version */
  registryFailed(answered: boolean): void {
    this.registryUp.set(answered ? 1 : 0);
  }
}
