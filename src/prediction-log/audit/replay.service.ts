import { Injectable } from '@nestjs/common';
import { DomainError } from '../../common/errors/domain-error.js';
import { PastModels } from '../../model-registry/past-models.js';
import { PLATFORM } from '../scoring-context.js';
import { PredictionRecords } from './prediction-records.js';
import type { ReplayResponse } from './record.schemas.js';

type Score = ReplayResponse['recorded'];

/** Scores what was scored, with the model that scored it. */
@Injectable()
export class ReplayService {
  constructor(
    private readonly records: PredictionRecords,
    private readonly models: PastModels,
  ) {}

  /**
   * @throws DomainError PREDICTION_NOT_FOUND, PREDICTION_ERASED, PREDICTION_LOG_UNAVAILABLE, and as {@link PastModels.use}
   */
  async replay(id: string): Promise<ReplayResponse> {
    const { record, inputs } = await this.records.getScored(id);
    if (!inputs) {
      throw new DomainError('PREDICTION_ERASED', {
        detail: 'The inputs were erased, so there is nothing to score again. What was answered is still on record.',
      });
    }
    const { model, defaultClass } = record;
    const [run, runtime] = await this.models.use({ ...model, defaultClass }, async ({ runner }) => [
      await runner.score(
        Float32Array.from({ length: runner.width }, (_, i) => inputs[i] ?? NaN),
        1,
      ),
      { onnxruntimeVersion: runner.runtimeVersion, platform: PLATFORM },
    ]);
    const probability = run.probabilities[0]!;
    const recorded = scoredBy(record, record);
    const replayed = scoredBy(runtime, { probability, prediction: probability >= record.threshold ? 1 : 0 });
    return {
      id,
      identical: Object.is(recorded.probability, replayed.probability),
      difference: Math.abs(recorded.probability - replayed.probability),
      sameRuntime:
        recorded.onnxruntimeVersion === replayed.onnxruntimeVersion && recorded.platform === replayed.platform,
      recorded,
      replayed,
      model: record.model,
    };
  }
}

const scoredBy = (
  { onnxruntimeVersion, platform }: Pick<Score, 'onnxruntimeVersion' | 'platform'>,
  { probability, prediction }: Pick<Score, 'probability' | 'prediction'>,
): Score => ({ probability, prediction, onnxruntimeVersion, platform });
