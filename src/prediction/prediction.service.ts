import { Injectable } from '@nestjs/common';
import { newId } from '../common/ids/new-id.js';
import { ActiveModel } from '../model-registry/active-model.js';
import { isProbability } from '../model-registry/runner/model-runner.js';
import type { ServedModel } from '../model-registry/served-model.js';
import { PredictionLog } from '../prediction-log/prediction-log.js';
import type { KeyedRequest } from '../prediction-log/prediction-record.js';
import type { Origin } from '../prediction-log/request-origin.js';
import { scoringContext } from '../prediction-log/scoring-context.js';
import { FeatureEncoder } from './feature-encoder.js';
import { noProbability } from './no-probability.js';
import type { PredictRequest } from './prediction.schemas.js';
import { PredictionMetrics } from './prediction-metrics.js';
import { commonMembers, predictionReply } from './prediction-reply.js';

/** What is made once for each model. */
interface Prepared {
  encoder: FeatureEncoder;
  /** Of all its answers, as {@link commonMembers}. */
  common: string;
}

/** Answers single rows with the live model. */
@Injectable()
export class PredictionService {
  private readonly prepared = new WeakMap<ServedModel, Prepared>();

  constructor(
    private readonly activeModel: ActiveModel,
    private readonly metrics: PredictionMetrics,
    private readonly log: PredictionLog,
  ) {}

  /**
   * Scores a row, records the answer, and only then gives it.
   *
   * @returns the reply's body, a PredictResponse as JSON
   * @throws DomainError INVALID_REQUEST, FEATURES_MISMATCH, NO_PROBABILITY, MODEL_NOT_READY, and as {@link PredictionLog.record}
   */
  async predict({ data, reference }: PredictRequest, origin: Origin, keyed?: KeyedRequest): Promise<string> {
    const model = this.activeModel.current();
    const { encoder, common } = this.prepare(model);
    const row = new Float32Array(encoder.width);
    const warnings = encoder.encode(data.features, 'data.features', row, 0);
    const { run, index } = await model.runner.scoreRow(row);
    // Once for all rows of the run.
    if (index === 0) this.metrics.scored(model, run);
    const probability = run.probabilities[index]!;
    if (!isProbability(probability)) throw noProbability('data.features');
    const prediction = probability >= model.threshold ? 1 : 0;
    const id = newId();
    const body = predictionReply({ id, prediction, probability, warnings }, common);
    if (this.log.enabled) {
      await this.log.record({
        ...origin,
        context: scoringContext(model),
        batchId: null,
        inferenceUs: Math.fround(1000 * run.durationMs),
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
        ...(keyed && { idempotency: { ...keyed, answer: Buffer.from(body) } }),
      });
    }
    return body;
  }

  private prepare(model: ServedModel): Prepared {
    let prepared = this.prepared.get(model);
    if (!prepared) {
      prepared = { encoder: new FeatureEncoder(model.inputs), common: commonMembers(model) };
      this.prepared.set(model, prepared);
    }
    return prepared;
  }
}
