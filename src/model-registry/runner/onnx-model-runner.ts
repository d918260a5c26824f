import { env, InferenceSession, Tensor } from 'onnxruntime-node';
import { ModelRejectedError } from '../model-rejected.error.js';
import { findProbabilityOutput, type ProbabilityOutput } from './probability-output.js';
import { type ModelRun, type ModelRunner, ModelRunnerFactory, type RowScore } from './model-runner.js';
import { type GatheredRows, SharedRuns } from './shared-runs.js';

// Since 1.29 onnxruntime reports sessions and models to its makers, unless this is set before the first one. What a lender's
// service scores with is nobody's business.
process.env['ORT_DISABLE_TELEMETRY'] = '1';

/**
 * One thread and sequential execution: a row's score is then bit-equal in a batch of any size, which replaying a
 * recorded prediction relies on. More cores are used by more replicas.
 */
const SESSION_OPTIONS: InferenceSession.SessionOptions = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  logSeverityLevel: 3,
};

/** Not marked as injectable, which it is all the same: every worker thread would load Nest to do so. */
export class OnnxModelRunnerFactory extends ModelRunnerFactory {
  override async create(model: Uint8Array, declaredWidth: number | undefined): Promise<ModelRunner> {
    const session = await createSession(model);
    try {
      const input = soleFloatInput(session);
      const width = agreedWidth(input.width, declaredWidth);
      return new OnnxModelRunner(session, input.name, width, await findProbabilityOutput(session, input.name, width));
    } catch (error) {
      await session.release();
      throw error;
    }
  }
}

class OnnxModelRunner implements ModelRunner {
  readonly runtimeVersion = env.versions.node ?? 'unknown';
  private readonly sharedRuns: SharedRuns;
  private runsInFlight = 0;
  private idle: (() => void) | undefined;

  constructor(
    private readonly session: InferenceSession,
    private readonly inputName: string,
    readonly width: number,
    private readonly output: ProbabilityOutput,
  ) {
    this.sharedRuns = new SharedRuns(width, (rows, begins) => this.run(rows, begins));
  }

  score(rows: Float32Array, rowCount: number): Promise<ModelRun> {
    return this.run({ values: rows, shape: [rowCount, this.width] });
  }

  scoreRow(row: Float32Array): Promise<RowScore> {
    return this.sharedRuns.scoreRow(row);
  }

  async dispose(): Promise<void> {
    if (this.runsInFlight > 0) await new Promise<void>((resolve) => (this.idle = resolve));
    await this.session.release();
  }

  private async run({ values, shape }: GatheredRows, begins?: () => void): Promise<ModelRun> {
    this.runsInFlight++;
    try {
      // session.run leaves the work to an immediate of its own, the one after this, which may be a whole turn of the event loop
      // later. Only then are shape and values read.
      let startedAt = 0;
      setImmediate(() => {
        begins?.();
        startedAt = performance.now();
      });
      const feeds = { [this.inputName]: new Tensor('float32', values, shape) };
      const { [this.output.name]: scores } = await this.session.run(feeds, [this.output.name]);
      const durationMs = performance.now() - startedAt;
      return { probabilities: positiveClass(scores!.data as Float32Array, shape[0], this.output.columns), durationMs };
    } finally {
      if (--this.runsInFlight === 0) this.idle?.();
    }
  }
}

function positiveClass(scores: Float32Array, rowCount: number, columns: 1 | 2): Float32Array {
  if (columns === 1) return scores;
  const positive = new Float32Array(rowCount);
  for (let row = 0; row < rowCount; row++) positive[row] = scores[2 * row + 1]!;
  return positive;
}

async function createSession(model: Uint8Array): Promise<InferenceSession> {
  try {
    // A copy, because onnxruntime-node does not take bytes in shared memory.
    return await InferenceSession.create(Uint8Array.from(model), SESSION_OPTIONS);
  } catch (cause) {
    throw new ModelRejectedError(
      'onnxruntime cannot load the ONNX file: it is damaged, or uses operators newer than this runtime. ' +
        'Copy or export it again.',
      { cause },
    );
  }
}

function soleFloatInput({ inputMetadata }: InferenceSession): { name: string; width: number | undefined } {
  const [input, ...others] = inputMetadata;
  if (!input || others.length > 0) {
    throw new ModelRejectedError(
      `The model has ${inputMetadata.length} inputs (${names(inputMetadata)}); it must have one. ` +
        'Export it with one float tensor of shape [N, d] that holds all features.',
    );
  }
  if (!input.isTensor || input.type !== 'float32') {
    throw new ModelRejectedError(
      `The model's input is ${input.isTensor ? `a ${input.type} tensor` : 'not a tensor'}; it must be float32. ` +
        "Export it with initial_types=[('input', FloatTensorType([None, d]))] and encode categories beforehand.",
    );
  }
  const [batch, width, ...rest] = input.shape;
  if (input.shape.length > 0 && (rest.length > 0 || width === undefined)) {
    throw new ModelRejectedError(
      `The model's input has ${input.shape.length} dimensions; it must have two. Export it with shape [None, d].`,
    );
  }
  if (typeof batch === 'number' && batch > 0) {
    throw new ModelRejectedError(
      `The model's input has a fixed batch size of ${batch}. Export it with shape [None, d].`,
    );
  }
  return { name: input.name, width: typeof width === 'number' && width > 0 ? width : undefined };
}

function agreedWidth(graph: number | undefined, declared: number | undefined): number {
  const width = graph ?? declared;
  if (width === undefined) {
    throw new ModelRejectedError(
      'Neither the ONNX graph nor MLmodel says how many inputs the model takes. Save it with a signature.',
    );
  }
  if (declared !== undefined && declared !== width) {
    throw new ModelRejectedError(
      `The ONNX graph takes ${width} inputs but MLmodel declares ${declared}. ` +
        'Save the model with the signature and feature names that belong to it.',
    );
  }
  return width;
}

const names = (values: readonly { name: string }[]) => values.map(({ name }) => name).join(', ');
