import { fileURLToPath } from 'node:url';
import { resolve } from 'node:path';
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import type { Env } from '../config/env.schema.js';
import { ActiveModel } from './active-model.js';
import { ModelLoader } from './model-loader.js';
import { ModelMetrics } from './model-metrics.js';

/** Loads the model that MODEL_URI names before the service listens; a model that must not serve stops the start. */
@Injectable()
export class StartupLoad implements OnModuleInit {
  private readonly logger = new Logger(StartupLoad.name);

  constructor(
    private readonly config: ConfigService<Env, true>,
    private readonly loader: ModelLoader,
    private readonly activeModel: ActiveModel,
    private readonly metrics: ModelMetrics,
  ) {}

  async onModuleInit(): Promise<void> {
    const uri = this.config.get('MODEL_URI', { infer: true });
    const startedAt = performance.now();
    const model = await this.loader.load(directoryOf(uri), uri);
    this.activeModel.activate(model);
    this.metrics.modelActivated(model);
    this.logger.log('Model is live', {
      ...model.ref,
      inputs: model.inputs.length,
      durationMs: Math.round(performance.now() - startedAt),
    });
  }
}

/** `file:PATH` may be relative to the working directory, unlike a `file://` URL. */
const directoryOf = (uri: string): string =>
  uri.startsWith('file://') ? fileURLToPath(uri) : resolve(uri.slice('file:'.length));
