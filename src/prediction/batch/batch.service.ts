import { Injectable } from '@nestjs/common';
import { ActiveModel } from '../../model-registry/active-model.js';
import { newId } from '../../common/ids/new-id.js';
import type { ModelRun } from '../../model-registry/runner/model-runner.js';
import type { ServedModel } from '../../model-registry/served-model.js';
import { PredictionLog } from '../../prediction-log/prediction-log.js';
import type { KeyedRequest, PredictionRow } from '../../prediction-log/prediction-record.js';
import type { Origin } from '../../prediction-log/request-origin.js';
import { scoringContext } from '../../prediction-log/scoring-context.js';
import { PredictionMetrics } from '../prediction-metrics.js';
import { answerBatch, type BatchRows } from './batch-answer.js';
import { BatchPool } from './batch-pool.js';
import { BATCH_REPLY_FORMAT } from './batch-reply.js';
import { isLarge } from './batch-size.js';

/** Answers batches with the live model: small ones where they arrive, large ones in a worker thread. */
@Injectable()
export class BatchService {
  constructor(
    private readonly activeModel: ActiveModel,
    private readonly pool: BatchPool,
    private readonly metrics: PredictionMetrics,
    private readonly log: PredictionLog,
  ) {}

  /**
   * @param body the request's bytes; they may be gone afterwards
   * @returns the reply's bytes in memory of their own, a PredictBatchResponse as JSON
   * @throws DomainError MODEL_NOT_READY, and as {@link answerBatch} and {@link PredictionLog.record}
   */
  async predict(body: Buffer<ArrayBuffer>, origin: Origin, keyed?: KeyedRequest): Promise<Uint8Array<ArrayBuffer>> {
    const model = this.activeModel.current();
    const answer = isLarge(body.byteLength)
      ? await this.pool.answer(body, model, this.log.enabled)
      : await answerBatch(body, model, model.runner, this.log.enabled);
    this.metrics.scored(model, answer.run);
    if (answer.rows) await this.record(answer.run, answer.rows, model, origin, keyed);
    return answer.body;
  }

  private async record(
    run: ModelRun,
    rows: BatchRows,
    model: ServedModel,
    origin: Origin,
    keyed: KeyedRequest | undefined,
  ): Promise<void> {
    await this.log.record({
      ...origin,
      context: scoringContext(model),
      batchId: newId(),
      inferenceUs: Math.fround(1000 * run.durationMs),
      rows: recordsOf(rows, run, model),
      ...(keyed && { idempotency: { ...keyed, answer: { format: BATCH_REPLY_FORMAT } } }),
    });
  }
}

function recordsOf(
  { ids, references, warnings, inputs }: BatchRows,
  { probabilities }: ModelRun,
  { threshold }: ServedModel,
): PredictionRow[] {
  const width = inputs.length / ids.length;
  return ids.map((id, i) => ({
    id,
    reference: references?.[i] ?? null,
    warnings: warnings.get(i) ?? null,
    rowIndex: i,
    inputs: inputs.subarray(i * width, (i + 1) * width),
    probability: probabilities[i]!,
    prediction: probabilities[i]! >= threshold ? 1 : 0,
  }));
}
