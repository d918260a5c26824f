import type { ModelMetadata } from './mlmodel.js';
import { ModelRejectedError } from './model-rejected.error.js';
import type { ModelRunner } from './runner/model-runner.js';
import { flat, type TrialRows } from './trial-rows.js';

/** As many as share a run at most. */
const MAX_SINGLE_ROWS = 64;

/** What rounding makes of a probability at its ends. */
const ROUNDING = 1e-6;

/** Between a row's score alone and among others, unless the known rows' tolerance is greater. */
const BATCH_TOLERANCE = 1e-5;

/**
 * Runs a model on all the rows that it is tried on, which also warms it up: together, then one by one as requests come.
 *
 * Known rows must have their probabilities, and rows of an input example must have one. Where there are no known rows, scores of
 * made rows outside 0 to 1 show a raw margin. Made rows without a score show nothing, unless they are most and there is no example.
 *
 * @param columns of the probability output. A margin is seldom exported as two columns that add up to 1, and rounding can take large
 *   rows of a probability out of 0 to 1; so then it takes most made rows
 * @returns why single rows are gathered before their run from now on; undefined where they need not be
 * @throws ModelRejectedError when a score is not a probability, or not the expected one
 */
export async function tryModel(
  runner: ModelRunner,
  columns: 1 | 2,
  { known_rows }: Pick<ModelMetadata, 'known_rows'>,
  trial: TrialRows,
): Promise<string | undefined> {
  const known = await scoreEach(runner, trial.known);
  assertProbabilities(known, 'known row', 'known rows');
  if (known_rows) assertExpected(known, known_rows);
  const example = await scoreEach(runner, trial.example);
  assertProbabilities(example, 'row', 'rows of its input example');
  const made = await scoreEach(runner, trial.made);
  if (!known_rows) assertNoMargin(made, columns, trial.example.length > 0);
  const scores = [...known, ...example, ...made];
  const scorable = [...trial.known, ...trial.example, ...trial.made].filter((_, i) => Number.isFinite(scores[i]));
  return settleSingleRows(runner, scorable.slice(0, MAX_SINGLE_ROWS), known_rows?.tolerance ?? 0);
}

/** @returns NaN for a row that cannot be scored: it makes the run of all of them fail */
async function scoreEach(runner: ModelRunner, rows: readonly Float32Array[]): Promise<Float32Array> {
  if (rows.length === 0) return new Float32Array();
  try {
    return await scoreTogether(runner, rows);
  } catch (cause) {
    const scores = new Float32Array(rows.length);
    let failures = 0;
    for (const [i, row] of rows.entries()) {
      scores[i] = await scoreAlone(runner, row).catch(() => (failures++, NaN));
    }
    if (failures > 0) return scores;
    throw new ModelRejectedError(
      `The model scores ${rows.length} rows one by one and not together. ` +
        'Export it with a dynamic batch dimension on every output.',
      { cause },
    );
  }
}

const scoreTogether = async (runner: ModelRunner, rows: readonly Float32Array[]): Promise<Float32Array> =>
  (await runner.score(flat(rows), rows.length)).probabilities;

const scoreAlone = async (runner: ModelRunner, row: Float32Array): Promise<number> =>
  (await scoreTogether(runner, [row]))[0]!;

const isOutside = (score: number): boolean => Number.isFinite(score) && (score < -ROUNDING || score > 1 + ROUNDING);

function assertProbabilities(scores: Float32Array, one: string, all: string): void {
  const bad = scores.findIndex((score) => !Number.isFinite(score) || isOutside(score));
  if (bad < 0) return;
  const which = `${one} ${bad} of ${scores.length} ${all}`;
  throw isOutside(scores[bad]!)
    ? notProbabilities('outside 0 to 1', which, 'Export it with its sigmoid or calibration included.')
    : notProbabilities('not finite', which, 'Have the graph take such a row, or leave the row out.');
}

function assertExpected(scores: Float32Array, known: NonNullable<ModelMetadata['known_rows']>): void {
  const off = known.probabilities.findIndex((expected, i) => !(Math.abs(scores[i]! - expected) <= known.tolerance));
  if (off < 0) return;
  const difference = Math.abs(scores[off]! - known.probabilities[off]!);
  throw new ModelRejectedError(
    `Known row ${off} of ${scores.length} is off by ${difference.toPrecision(2)} (tolerance ${known.tolerance}): ` +
      'the ONNX file is not the model that MLmodel describes. Save the model again.',
  );
}

function assertNoMargin(scores: Float32Array, columns: 1 | 2, hasExample: boolean): void {
  const most = scores.length / 2;
  const outside = scores.filter(isOutside).length;
  const infinite = scores.filter((score) => !Number.isFinite(score)).length;
  const of = (count: number) => `${count} of ${scores.length} rows that were made to try it`;
  const proof = 'If it gives probabilities, save it with known_rows or an input_example of real rows.';
  if (outside > (columns === 2 ? most : 0)) {
    throw notProbabilities(
      'outside 0 to 1',
      of(outside),
      `Export it with its sigmoid or calibration included. ${proof}`,
    );
  }
  if (infinite > most && !hasExample) throw notProbabilities('not finite', of(infinite), `Export it again. ${proof}`);
}

const notProbabilities = (why: string, where: string, remedy: string): ModelRejectedError =>
  new ModelRejectedError(`The model gives scores that are not probabilities (${why}) for ${where}. ${remedy}`);

/**
 * Single rows take the fast way where it is shown that it gives what a plain run of the same rows gives, bit for bit. Without
 * that an onnxruntime-node that reads a tensor earlier would answer every request with the score of zeros.
 *
 * @returns why they do not
 */
async function settleSingleRows(
  runner: ModelRunner,
  rows: readonly Float32Array[],
  tolerance: number,
): Promise<string | undefined> {
  const expected = await plainRuns(runner, rows);
  const off = expected.together.findIndex(
    (score, i) => !(Math.abs(score - expected.alone[i]!) <= Math.max(BATCH_TOLERANCE, tolerance)),
  );
  if (off >= 0) {
    throw new ModelRejectedError(
      'The model scores a row otherwise when it is alone than among others. Export it so that a row is scored by itself ' +
        '(without dynamic quantization, or statistics over the batch).',
    );
  }
  const reason = (await differs(runner, rows, expected)) ?? (await showsNothing(runner, expected.alone));
  if (reason === undefined) return undefined;
  runner.gatherFirst();
  if (await differs(runner, rows, expected)) {
    throw new ModelRejectedError(
      'Single rows get other scores than the same rows in a run of their own: this version of onnxruntime-node must not be used.',
    );
  }
  return reason;
}

interface PlainRuns {
  /** The score of each row in a run for itself. */
  alone: Float32Array;
  together: Float32Array;
}

async function plainRuns(runner: ModelRunner, rows: readonly Float32Array[]): Promise<PlainRuns> {
  const alone = new Float32Array(rows.length);
  for (const [i, row] of rows.entries()) alone[i] = await scoreAlone(runner, row);
  return { alone, together: rows.length > 0 ? await scoreTogether(runner, rows) : alone };
}

/** Rows as requests bring them: one when nothing else is under way, then all in one turn of the event loop. */
async function differs(
  runner: ModelRunner,
  rows: readonly Float32Array[],
  { alone, together }: PlainRuns,
): Promise<string | undefined> {
  try {
    for (const [i, row] of rows.entries()) {
      const { run, index } = await runner.scoreRow(row);
      if (!Object.is(run.probabilities[index], alone[i])) return 'a lone row differs';
    }
    const scored = await Promise.all(rows.map((row) => runner.scoreRow(row)));
    const same = scored.every(({ run, index }, i) => Object.is(run.probabilities[index], together[i]));
    return same ? undefined : 'rows of one turn differ';
  } catch {
    return 'a run failed';
  }
}

/** What would be scored by mistake are zeros: rows with their score, or none at all, cannot tell. */
async function showsNothing(runner: ModelRunner, alone: Float32Array): Promise<string | undefined> {
  const ofZeros = await scoreAlone(runner, new Float32Array(runner.width)).catch(() => NaN);
  return alone.some((score) => !Object.is(score, ofZeros)) ? undefined : 'no row differs from zeros';
}
