import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { ActiveModel } from '../model-registry/active-model.js';
import type { ServedModel } from '../model-registry/served-model.js';
import { FeatureEncoder } from './feature-encoder.js';
import type { PredictRequest, PredictResponse } from './prediction.schemas.js';
import { PredictionMetrics } from './prediction-metrics.js';

/** Answers single rows with the live model. */
@Injectable()
export class PredictionService {
  private readonly encoders = new WeakMap<ServedModel, FeatureEncoder>();

  constructor(
    private readonly activeModel: ActiveModel,
    private readonly metrics: PredictionMetrics,
  ) {}

  /** @throws DomainError INVALID_REQUEST, FEATURES_MISMATCH or MODEL_NOT_READY */
  async predict({ data }: PredictRequest): Promise<PredictResponse> {
    const model = this.activeModel.current();
    const encoder = this.encoderOf(model);
    const row = new Float32Array(encoder.width);
    const warnings = encoder.encode(data.features, 'data.features', row, 0);
    const startedAt = performance.now();
    const scores = await model.runner.score(row, 1);
    this.metrics.scored(model, scores, performance.now() - startedAt);
    const probability = scores[0]!;
    return {
      id: uuidv7(),
      prediction: probability >= model.threshold ? 1 : 0,
      probability,
      threshold: model.threshold,
      model: model.ref,
      ...(warnings && { warnings }),
    };
  }

  private encoderOf(model: ServedModel): FeatureEncoder {
    let encoder = this.encoders.get(model);
    if (!encoder) this.encoders.set(model, (encoder = new FeatureEncoder(model.inputs)));
    return encoder;
  }
}
