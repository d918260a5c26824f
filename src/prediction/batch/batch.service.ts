import { Injectable } from '@nestjs/common';
import { ActiveModel } from '../../model-registry/active-model.js';
import { PredictionMetrics } from '../prediction-metrics.js';
import { answerBatch } from './batch-answer.js';
import { BatchPool } from './batch-pool.js';
import { isLarge } from './batch-size.js';

/** Answers batches with the live model: small ones where they arrive, large ones in a worker thread. */
@Injectable()
export class BatchService {
  constructor(
    private readonly activeModel: ActiveModel,
    private readonly pool: BatchPool,
    private readonly metrics: PredictionMetrics,
  ) {}

  /**
   * @param body the request's bytes
   * @returns the reply's bytes, a PredictBatchResponse as JSON
   * @throws DomainError MODEL_NOT_READY, and as {@link answerBatch}
   */
  async predict(body: Uint8Array): Promise<Uint8Array> {
    const model = this.activeModel.current();
    const answer = isLarge(body.byteLength)
      ? await this.pool.answer(body, model)
      : await answerBatch(body, model, model.runner);
    this.metrics.scored(model, answer.probabilities, answer.inferenceMs);
    return answer.body;
  }
}
