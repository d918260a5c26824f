import type { ModelMetadata } from './mlmodel.js';
import { ModelRejectedError } from './model-rejected.error.js';
import { isProbability, type ModelRunner } from './runner/model-runner.js';

/**
 * Runs a model for the first time: on zeros, which also warms it up, then on the rows whose probabilities are known.
 *
 * @throws ModelRejectedError when a score is not a probability, or not the expected one
 */
export async function tryModel(runner: ModelRunner, { known_rows: known }: ModelMetadata): Promise<void> {
  const { probabilities: warmUp } = await runner.score(new Float32Array(runner.width), 1);
  assertProbabilities(warmUp);
  if (!known) return;
  const rows = toRows(known.inputs, runner.width);
  const { probabilities: scores } = await runner.score(rows, known.inputs.length);
  assertProbabilities(scores);
  const off = known.probabilities.findIndex((expected, i) => !(Math.abs(scores[i]! - expected) <= known.tolerance));
  if (off >= 0) {
    const difference = Math.abs(scores[off]! - known.probabilities[off]!);
    throw new ModelRejectedError(
      `Known row ${off} of ${known.inputs.length} is off by ${difference.toPrecision(2)} (tolerance ${known.tolerance}): ` +
        'the ONNX file is not the model that MLmodel describes. Save the model again.',
    );
  }
}

function toRows(inputs: readonly (readonly (number | null)[])[], width: number): Float32Array {
  const ragged = inputs.findIndex((row) => row.length !== width);
  if (ragged >= 0) {
    throw new ModelRejectedError(
      `Known row ${ragged} has ${inputs[ragged]!.length} inputs, the model takes ${width}. Save the model again.`,
    );
  }
  return Float32Array.from(inputs.flat(), (value) => value ?? NaN);
}

function assertProbabilities(scores: Float32Array): void {
  if (!scores.every(isProbability)) {
    throw new ModelRejectedError(
      'The model gives scores that are not probabilities (not finite, or outside 0 to 1). ' +
        'Export it with its sigmoid or calibration included.',
    );
  }
}
