import { move, transferableSymbol, valueSymbol } from 'piscina';
import { DomainError } from '../../common/errors/domain-error.js';
import type { ModelRunner } from '../../model-registry/runner/model-runner.js';
import { OnnxModelRunnerFactory } from '../../model-registry/runner/onnx-model-runner.js';
import type { ScoringSpec } from '../../model-registry/served-model.js';
import { answerBatch } from './batch-answer.js';
import type { BatchOutcome, BatchTask } from './batch-pool.js';

const runners = new OnnxModelRunnerFactory();
let held: { digest: string; column: number; runner: ModelRunner } | undefined;

/** What the pool calls: an answer's bytes are moved to the other thread, not copied. */
export default async function answerAndMove(task: BatchTask): Promise<ReturnType<typeof move> | BatchOutcome> {
  const outcome = await answer(task);
  if (outcome.failure) return outcome;
  const { body, rows } = outcome.answer;
  return move({
    [valueSymbol]: outcome,
    [transferableSymbol]: rows ? [body.buffer, rows.inputs.buffer] : [body.buffer],
  });
}

/** Answers one batch. A failure that the service knows about is returned, since thrown errors lose their class. */
export async function answer({ body, spec, onnx, records }: BatchTask): Promise<BatchOutcome> {
  try {
    return { answer: await answerBatch(body, spec, await runnerOf(spec, onnx), records) };
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return { failure: { code: error.code, detail: error.message, errors: error.errors } };
  }
}

/** A worker answers one batch at a time, so the model of the last one is the only one it has to hold. */
async function runnerOf({ ref, inputs, output }: ScoringSpec, onnx: Uint8Array): Promise<ModelRunner> {
  // Another tag may make another class of the same bytes the default.
  if (held?.digest !== ref.digest || held.column !== output.column) {
    const previous = held;
    held = undefined;
    await previous?.runner.dispose();
    const runner = await runners.open(onnx, inputs.length, output);
    held = { digest: ref.digest, column: output.column, runner };
  }
  return held.runner;
}
