import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { MODEL_DIRECTORY } from './model.js';

const COPY = '.data/bench/mlflow-model';
const AS_SAVED = 'onnx_session_options: null';

/**
 * A copy of the model directory whose MLmodel asks for one thread: by itself MLflow takes one for every core of the machine,
 * also of those that it is not to run on.
 *
 * @returns its path
 */
export function singleThreadedModel() {
  rmSync(COPY, { recursive: true, force: true });
  mkdirSync(path.dirname(COPY), { recursive: true });
  cpSync(MODEL_DIRECTORY, COPY, { recursive: true });
  const file = path.join(COPY, 'MLmodel');
  const saved = readFileSync(file, 'utf8');
  if (!saved.includes(AS_SAVED)) throw new Error(`${MODEL_DIRECTORY}/MLmodel does not say "${AS_SAVED}".`);
  writeFileSync(file, saved.replace(AS_SAVED, 'onnx_session_options: { intra_op_num_threads: 1 }'));
  return COPY;
}
