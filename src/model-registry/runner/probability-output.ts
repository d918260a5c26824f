import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { ModelRejectedError } from '../model-rejected.error.js';

/** Where the probabilities are: `[N, 2]` (column 1 is class 1) or `[N, 1]` / `[N]`. */
export interface ProbabilityOutput {
  name: string;
  columns: 1 | 2;
}

/** Not 2, so that `[N]` and `[N, 2]` cannot be mistaken for each other. */
const PROBE_ROWS = 3;

/**
 * Finds the probabilities among a model's outputs by running it: converters leave declared shapes open, and name the
 * output as they like. Two columns win over one, then a name with "prob" in it.
 *
 * @throws ModelRejectedError when there is none, or more than one and nothing to tell them apart
 */
export async function findProbabilityOutput(
  session: InferenceSession,
  inputName: string,
  width: number,
): Promise<ProbabilityOutput> {
  const candidates = await probe(session, inputName, width);
  const twoColumns = candidates.filter(({ columns }) => columns === 2);
  const best = twoColumns.length > 0 ? twoColumns : candidates;
  const [output, ...others] = best.length > 1 ? best.filter(({ name }) => /prob/i.test(name)) : best;
  if (output && others.length === 0) return output;
  if (best.length > 1) {
    throw new ModelRejectedError(
      `Several outputs could be the probabilities (${best.map(({ name }) => name).join(', ')}). ` +
        'Export the model with one float output of probabilities.',
    );
  }
  const hint = session.outputMetadata.some((metadata) => !metadata.isTensor)
    ? 'Its probabilities are a sequence of maps: export with zipmap=False.'
    : 'Export a binary classifier with its probabilities as float32 [N, 2] or [N].';
  throw new ModelRejectedError(`The model has no probability output. ${hint}`);
}

async function probe(session: InferenceSession, inputName: string, width: number): Promise<ProbabilityOutput[]> {
  const fetches = session.outputMetadata
    .filter((metadata) => metadata.isTensor && metadata.type === 'float32')
    .map(({ name }) => name);
  if (fetches.length === 0) return [];
  const zeros = new Tensor('float32', new Float32Array(PROBE_ROWS * width), [PROBE_ROWS, width]);
  const outputs = await runProbe(session, { [inputName]: zeros }, fetches);
  return fetches.flatMap((name) => {
    const columns = columnsOf(outputs[name]!.dims);
    return columns ? [{ name, columns }] : [];
  });
}

async function runProbe(session: InferenceSession, feeds: Record<string, Tensor>, fetches: string[]) {
  try {
    return await session.run(feeds, fetches);
  } catch (cause) {
    throw new ModelRejectedError(
      `The model cannot score ${PROBE_ROWS} rows of zeros. Export it with a dynamic batch dimension on every output.`,
      { cause },
    );
  }
}

function columnsOf(dims: readonly number[]): 1 | 2 | undefined {
  if (dims[0] !== PROBE_ROWS || dims.length > 2) return undefined;
  const columns = dims[1] ?? 1;
  return columns === 1 || columns === 2 ? columns : undefined;
}
