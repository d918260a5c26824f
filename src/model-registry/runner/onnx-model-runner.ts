import { env, InferenceSession, Tensor } from 'onnxruntime-node';
import { ModelRejectedError } from '../model-rejected.error.js';
import { chooseDefaultClass } from '../default-class.js';
import { type ClassLabels, classLabels } from '../graph/class-labels.js';
import { readOnnxGraph } from '../graph/onnx-graph.js';
import {
  type CreatedRunner,
  type DefaultOutput,
  type ModelRun,
  type ModelRunner,
  ModelRunnerFactory,
  type RowScore,
  type RunnerOptions,
  type SingleRows,
} from './model-runner.js';
import { findProbabilityOutput } from './probability-output.js';
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
  override async create(model: Uint8Array, options: RunnerOptions): Promise<CreatedRunner> {
    const session = await createSession(model);
    try {
      const input = soleFloatInput(session);
      const width = agreedWidth(input.width, options.declaredWidth);
      const rows = options.trialRows(width);
      const probabilities = await findProbabilityOutput(session, input.name, width, rows);
      const { column, ...defaultClass } = await chooseDefaultClass(probabilities.columns, options.declaredDefault, () =>
        classLabelsOf(session, model, probabilities.name, (outputs) =>
          session.run({ [input.name]: new Tensor('float32', rows, [rows.length / width, width]) }, outputs),
        ),
      );
      const output = { ...probabilities, column };
      return { runner: new OnnxModelRunner(session, input.name, width, output), output, defaultClass };
    } catch (error) {
      await session.release();
      throw error;
    }
  }

  /**
   * A runner for a model that was created before, in this thread or another.
   *
   * @param output where {@link create} found the probability of default
   */
  async open(model: Uint8Array, width: number, output: DefaultOutput): Promise<ModelRunner> {
    const session = await createSession(model);
    return new OnnxModelRunner(session, session.inputNames[0]!, width, output);
  }
}

class OnnxModelRunner implements ModelRunner {
  readonly runtimeVersion = env.versions.node ?? 'unknown';
  singleRows: SingleRows = 'filled-late';
  private readonly sharedRuns: SharedRuns;
  private runsInFlight = 0;
  private idle: (() => void) | undefined;

  constructor(
    private readonly session: InferenceSession,
    private readonly inputName: string,
    readonly width: number,
    private readonly output: DefaultOutput,
  ) {
    this.sharedRuns = new SharedRuns(width, (rows, begins) =>
      this.singleRows === 'filled-late' ? this.run(rows, begins) : this.runGathered(rows, begins),
    );
  }

  gatherFirst(): void {
    this.singleRows = 'gathered-first';
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

  private run({ values, shape }: GatheredRows, begins?: () => void): Promise<ModelRun> {
    return this.inFlight(async () => {
      // session.run leaves the work to an immediate of its own, the one after this, which may be a whole turn of the event loop
      // later. Only then are shape and values read. tryModel proves it for every model, or has rows gathered first.
      let startedAt = 0;
      setImmediate(() => {
        begins?.();
        startedAt = performance.now();
      });
      const feeds = { [this.inputName]: new Tensor('float32', values, shape) };
      const { [this.output.name]: scores } = await this.session.run(feeds, [this.output.name]);
      const durationMs = performance.now() - startedAt;
      return { probabilities: ofDefault(scores!.data as Float32Array, shape[0], this.output), durationMs };
    });
  }

  private runGathered({ values, shape }: GatheredRows, begins: () => void): Promise<ModelRun> {
    return this.inFlight(async () => {
      await new Promise(setImmediate);
      begins();
      return this.score(values.slice(0, shape[0] * this.width), shape[0]);
    });
  }

  private async inFlight(run: () => Promise<ModelRun>): Promise<ModelRun> {
    this.runsInFlight++;
    try {
      return await run();
    } finally {
      if (--this.runsInFlight === 0) this.idle?.();
    }
  }
}

function ofDefault(scores: Float32Array, rowCount: number, { columns, column }: DefaultOutput): Float32Array {
  if (columns === 1) return scores;
  const probabilities = new Float32Array(rowCount);
  for (let row = 0; row < rowCount; row++) probabilities[row] = scores[2 * row + column]!;
  return probabilities;
}

/** @param runTrial runs the trial rows, where the values of a label have to be looked at */
async function classLabelsOf(
  session: InferenceSession,
  model: Uint8Array,
  probabilities: string,
  runTrial: (outputs: string[]) => Promise<InferenceSession.ReturnType>,
): Promise<ClassLabels> {
  const outputsOf = (...types: string[]) =>
    session.outputMetadata.flatMap((output) => (output.isTensor && types.includes(output.type) ? [output.name] : []));
  const integers = outputsOf('int64', 'int32');
  const found = classLabels(readOnnxGraph(model), probabilities, { integers, texts: outputsOf('string') });
  if (found.labels || found.unclear || integers.length === 0) return found;
  const outputs = await runTrial(integers);
  const values = Object.values(outputs).flatMap(({ data }) => Array.from(data as ArrayLike<bigint | number>, Number));
  return { labels: undefined, unclear: values.some((value) => value !== 0 && value !== 1) };
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
