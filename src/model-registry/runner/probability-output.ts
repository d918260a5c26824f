import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { ModelRejectedError } from '../model-rejected.error.js';

/** Where the probabilities are: `[N, 2]`, a column for each class, or `[N, 1]` / `[N]`. */
export interface ProbabilityOutput {
  name: string;
  columns: 1 | 2;
}

interface Candidate extends ProbabilityOutput {
  /** Whether two columns add up to 1. */
  complementary: boolean;
}

/** Not 2, so that `[N]` and `[N, 2]` cannot be mistaken for each other. */
const PROBE_ROWS = 3;

/** Far more than what rounding makes of a sum of two float32. */
const SUM_TOLERANCE = 1e-3;

/**
 * Finds the probabilities among a model's outputs by running it: converters leave declared shapes open, and name the
 * output as they like. Two columns win over one, then a name with "prob" in it. Two columns that do not add up to 1 are raw scores.
 *
 * @param rows `[n, width]`, three at least. The first three that can be scored together are looked at, so that one odd row decides
 *   nothing
 * @throws ModelRejectedError when there is none, or more than one and nothing to tell them apart
 */
export async function findProbabilityOutput(
  session: InferenceSession,
  inputName: string,
  width: number,
  rows: Float32Array,
): Promise<ProbabilityOutput> {
  const found = await probe(session, inputName, width, rows);
  const candidates = found.filter(({ complementary }) => complementary);
  const twoColumns = candidates.filter(({ columns }) => columns === 2);
  const best = twoColumns.length > 0 ? twoColumns : candidates;
  const [output, ...others] = best.length > 1 ? best.filter(({ name }) => /prob/i.test(name)) : best;
  if (output && others.length === 0) return { name: output.name, columns: output.columns };
  if (best.length > 1) {
    throw new ModelRejectedError(
      `Several outputs could be the probabilities (${namesOf(best)}). ` +
        'Export the model with one float output of probabilities.',
    );
  }
  if (found.length > 0) {
    throw new ModelRejectedError(
      `The two columns of ${namesOf(found)} do not add up to 1, so they are raw scores and not probabilities. ` +
        'Export the model with its sigmoid or calibration included (skl2onnx: without raw_scores).',
    );
  }
  const hint = session.outputMetadata.some((metadata) => !metadata.isTensor)
    ? 'Its probabilities are a sequence of maps: export with zipmap=False.'
    : 'Export a binary classifier with its probabilities as float32 [N, 2] or [N].';
  throw new ModelRejectedError(`The model has no probability output. ${hint}`);
}

async function probe(
  session: InferenceSession,
  inputName: string,
  width: number,
  rows: Float32Array,
): Promise<Candidate[]> {
  const fetches = session.outputMetadata
    .filter((metadata) => metadata.isTensor && metadata.type === 'float32')
    .map(({ name }) => name);
  if (fetches.length === 0) return [];
  const size = PROBE_ROWS * width;
  let cause: unknown;
  for (let from = 0; from + size <= rows.length; from += size) {
    const tensor = new Tensor('float32', rows.slice(from, from + size), [PROBE_ROWS, width]);
    try {
      const outputs = await session.run({ [inputName]: tensor }, fetches);
      return fetches.flatMap((name) => candidate(name, outputs[name]!) ?? []);
    } catch (error) {
      cause ??= error;
    }
  }
  throw new ModelRejectedError(
    `The model cannot score ${PROBE_ROWS} rows together. Export it with a dynamic batch dimension on every output.`,
    { cause },
  );
}

function candidate(name: string, { dims, data }: Tensor): Candidate | undefined {
  if (dims[0] !== PROBE_ROWS || dims.length > 2) return undefined;
  const columns = dims[1] ?? 1;
  if (columns !== 1 && columns !== 2) return undefined;
  return { name, columns, complementary: columns === 1 || areComplementary(data as Float32Array) };
}

/** Rows that give no numbers say nothing. */
function areComplementary(scores: Float32Array): boolean {
  for (let i = 0; i < scores.length; i += 2) {
    const sum = scores[i]! + scores[i + 1]!;
    if (Number.isFinite(sum) && Math.abs(sum - 1) > SUM_TOLERANCE) return false;
  }
  return true;
}

const namesOf = (outputs: readonly ProbabilityOutput[]): string => outputs.map(({ name }) => name).join(', ');
