import { Injectable } from '@nestjs/common';
import { newId } from '../common/ids/new-id.js';
import { ActiveModel } from '../model-registry/active-model.js';
import type { ServedModel } from '../model-registry/served-model.js';
import { PredictionLog } from '../prediction-log/prediction-log.js';
import type { IdempotencyClaim } from '../prediction-log/idempotency/idempotency-records.js';
import type { Origin } from '../prediction-log/request-origin.js';
import { scoringContext } from '../prediction-log/scoring-context.js';
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
    private readonly log: PredictionLog,
  ) {}

  /**
   * Scores a row, records the answer, and only then gives it.
   *
   * @throws DomainError INVALID_REQUEST, FEATURES_MISMATCH, MODEL_NOT_READY, and as {@link PredictionLog.record}
   */
  async predict(
    { data, reference }: PredictRequest,
    origin: Origin,
    claim?: IdempotencyClaim,
  ): Promise<PredictResponse> {
    const model = this.activeModel.current();
    const encoder = this.encoderOf(model);
    const row = new Float32Array(encoder.width);
    const warnings = encoder.encode(data.features, 'data.features', row, 0);
    const startedAt = performance.now();
    const scores = await model.runner.score(row, 1);
    const inferenceMs = performance.now() - startedAt;
    this.metrics.scored(model, scores, inferenceMs);
    const probability = scores[0]!;
    const prediction = probability >= model.threshold ? 1 : 0;
    const id = newId();
    const response: PredictResponse = {
      id,
      prediction,
      probability,
      threshold: model.threshold,
      model: model.ref,
      ...(warnings && { warnings }),
    };
    if (this.log.enabled) {
      await this.log.record({
        ...origin,
        context: scoringContext(model),
        batchId: null,
        inferenceUs: Math.fround(1000 * inferenceMs),
        rows: [
          {
            id,
            reference: reference ?? null,
            rowIndex: null,
            inputs: row,
            probability,
            prediction,
            warnings: warnings ?? null,
          },
        ],
        ...(claim && { idempotency: { ...claim, response: Buffer.from(JSON.stringify(response)) } }),
      });
    }
    return response;
  }

  private encoderOf(model: ServedModel): FeatureEncoder {
    let encoder = this.encoders.get(model);
    if (!encoder) this.encoders.set(model, (encoder = new FeatureEncoder(model.inputs)));
    return encoder;
  }
}
