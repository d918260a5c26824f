import { PredictionLog } from './prediction-log.js';

/** PREDICTION_LOG=off. */
export class NoLog extends PredictionLog {
  override readonly enabled = false;

  override async record(): Promise<void> {}

  override async transaction(): Promise<never> {
    throw new Error('There is no prediction log to write to: PREDICTION_LOG=off.');
  }
}
