/** The model that every server serves, the rows that all are asked for, and what onnxruntime says of them by itself. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { load } from 'js-yaml';
import { InferenceSession, Tensor } from 'onnxruntime-node';

export const MODEL_DIRECTORY = 'ml/model';
export const MODEL = path.resolve(MODEL_DIRECTORY, 'model.onnx');

const { threshold, known_rows: known } = load(readFileSync(path.join(MODEL_DIRECTORY, 'MLmodel'), 'utf8')).metadata;

export const THRESHOLD = threshold;

/** Real clients and the zero row, without missing values: not every server takes them in JSON. */
const ROWS = known.inputs.filter((row) => !row.includes(null));

/** @returns {number[][]} the same ones again and again */
export const rows = (count = ROWS.length) => Array.from({ length: count }, (_, i) => ROWS[i % ROWS.length]);

process.env.ORT_DISABLE_TELEMETRY = '1'; // or it reports the model to its makers
const session = await InferenceSession.create(MODEL, { intraOpNumThreads: 1, interOpNumThreads: 1 });

/** @returns {Promise<number[]>} of default */
export async function probabilities(rowsToScore) {
  const scored = await run(tensor(rowsToScore));
  return rowsToScore.map((_, row) => scored[2 * row + 1]);
}

/** What one thread scores when no HTTP, no JSON and nothing else is around. */
export async function rowsPerSecond(rowsToScore, seconds) {
  const input = tensor(rowsToScore);
  const startedAt = performance.now();
  let runs = 0;
  let elapsedMs = 0;
  do {
    await run(input);
    runs++;
    elapsedMs = performance.now() - startedAt;
  } while (elapsedMs < seconds * 1000);
  return (1000 * runs * rowsToScore.length) / elapsedMs;
}

const tensor = (of) => new Tensor('float32', Float32Array.from(of.flat()), [of.length, of[0].length]);

async function run(input) {
  return (await session.run({ [session.inputNames[0]]: input }, ['probabilities'])).probabilities.data;
}
