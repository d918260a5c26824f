import type { ModelInput } from './model-inputs.js';
import type { ModelMetadata } from './mlmodel.js';
import { ModelRejectedError } from './model-rejected.error.js';

/** An example is a few rows; somebody's whole data set would take its time at every load. */
const MAX_EXAMPLE_ROWS = 64;
const MADE_ROWS = 64;

/** Largest values of made rows, for inputs that nothing is known of: a ratio, or an amount of money. Small ones first. */
const SCALES = [1, 10, 1000, 100_000];

type Row = Float32Array;
type ExampleRow = readonly (number | null)[];

/** Rows `[d]` to try a model on. NaN is a missing value. */
export interface TrialRows {
  /** Whose probabilities are known. */
  known: readonly Row[];
  /** Of the input example; without rows of zeros, which people write where they have no row at hand. */
  example: readonly Row[];
  /** Within the ranges of the inputs, else around the example, else of several sizes. The same at every load. */
  made: readonly Row[];
}

/**
 * Collects the rows that a model is tried on. Rows of zeros are no clients: a good model may divide by one, and a margin may
 * happen to look like a probability.
 *
 * @param exampleRows of any width; those of another one are left out
 * @throws ModelRejectedError when a known row has another width
 */
export function trialRows(
  { known_rows: known }: Pick<ModelMetadata, 'known_rows'>,
  exampleRows: readonly ExampleRow[],
  inputs: readonly Pick<ModelInput, 'range'>[],
): TrialRows {
  const width = inputs.length;
  const ragged = known?.inputs.findIndex((row) => row.length !== width) ?? -1;
  if (ragged >= 0) {
    throw new ModelRejectedError(
      `Known row ${ragged} has ${known!.inputs[ragged]!.length} inputs, the model takes ${width}. Save the model again.`,
    );
  }
  const examples = exampleRows.filter((row) => row.length === width && row.some(Boolean)).slice(0, MAX_EXAMPLE_ROWS);
  return { known: (known?.inputs ?? []).map(toRow), example: examples.map(toRow), made: makeRows(inputs, examples) };
}

/** `[n, d]` in row-major order. */
export function flat(rows: readonly Row[]): Float32Array {
  const width = rows[0]?.length ?? 0;
  const values = new Float32Array(rows.length * width);
  for (const [i, row] of rows.entries()) values.set(row, i * width);
  return values;
}

const toRow = (values: ExampleRow): Row => Float32Array.from(values, (value) => value ?? NaN);

function makeRows(inputs: readonly Pick<ModelInput, 'range'>[], examples: readonly ExampleRow[]): Row[] {
  const random = sequence();
  return Array.from({ length: MADE_ROWS }, (_, row) => {
    const scale = SCALES[Math.floor((row * SCALES.length) / MADE_ROWS)]!;
    const example = examples[row % examples.length];
    return Float32Array.from(inputs, ({ range }, i) => {
      if (range) return between(range, scale, random());
      if (!example) return scale * random();
      return example[i] ? example[i] * (0.5 + random()) : random();
    });
  });
}

/** Where one end is open, as far from the other as the scale says; 0 lies within where both are. */
function between([min, max]: readonly [number | null, number | null], scale: number, part: number): number {
  const from = min ?? (max === null ? 0 : max - scale);
  return from + part * ((max ?? from + scale) - from);
}

/** Numbers from 0 to 1, exclusive, the same ones each time (mulberry32): what is refused once must be refused again. */
function sequence(): () => number {
  let state = 1;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
