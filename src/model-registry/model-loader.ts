import { Injectable, Logger } from '@nestjs/common';
import type { DeclaredDefault } from './default-class.js';
import type { MlModel } from './mlmodel.js';
import type { ModelFiles } from './model-directory.js';
import { declaredWidth, describeInputs, type DescribedInputs } from './model-inputs.js';
import { type ModelRunner, ModelRunnerFactory } from './runner/model-runner.js';
import type { ModelRef, ServedModel } from './served-model.js';
import { flat, type TrialRows, trialRows } from './trial-rows.js';
import { tryModel } from './try-model.js';
import type { ModelTags } from './source/model-source.js';

/** What the files do not say: which version they are, and where they came from. */
export interface ModelProvenance {
  ref: Omit<ModelRef, 'digest'>;
  identity: string;
  runId: string | undefined;
  /** Whether the registry vouched for the digest. */
  digestVouched: boolean;
  tags: ModelTags;
  sourceUri: string;
}

@Injectable()
export class ModelLoader {
  private readonly logger = new Logger(ModelLoader.name);

  constructor(private readonly runners: ModelRunnerFactory) {}

  /**
   * Turns the files of a version into a model that may serve: create the session, find the probability of default, try it on
   * known rows and others.
   *
   * @throws ModelRejectedError
   */
  async load(files: ModelFiles, provenance: ModelProvenance): Promise<ServedModel> {
    const { mlmodel, onnx, digest, exampleRows } = files;
    const { metadata } = mlmodel;
    let described: DescribedInputs;
    let trial: TrialRows;
    const { runner, output, defaultClass } = await this.runners.create(onnx, {
      declaredWidth: declaredWidth(mlmodel),
      declaredDefault: declaredDefault(mlmodel, provenance),
      trialRows: (width) => {
        described = describeInputs(files, width, provenance.tags);
        trial = trialRows(metadata, exampleRows, described.inputs);
        return flat([...trial.known, ...trial.example, ...trial.made]);
      },
    });
    try {
      const { name, version } = provenance.ref;
      const gatheredBecause = await tryModel(runner, output.columns, metadata, trial!);
      if (gatheredBecause) {
        this.logger.warn(
          'Single rows are gathered before their run: the fast way is not shown to give the same scores',
          {
            name,
            version,
            reason: gatheredBecause,
          },
        );
      }
      return {
        ...provenance,
        ref: { ...provenance.ref, digest },
        inputs: described!.inputs,
        warnings: [...files.warnings, ...described!.warnings],
        threshold: metadata.threshold,
        output,
        defaultClass,
        loadedAt: new Date(),
        trainingMetrics: metadata.training_metrics,
        onnx,
        runner,
      };
    } catch (error) {
      await runner.dispose();
      throw error;
    }
  }

  /**
   * A runner for files that served before. They are not judged again: a later release may be stricter, and what they answered is
   * still to be shown.
   *
   * @param recorded the default class then
   * @throws ModelRejectedError when they cannot be run
   */
  async openPast({ mlmodel, onnx, exampleRows }: ModelFiles, recorded: DeclaredDefault): Promise<ModelRunner> {
    const { runner } = await this.runners.create(onnx, {
      declaredWidth: declaredWidth(mlmodel),
      declaredDefault: recorded,
      trialRows: (width) => {
        const inputs = Array.from({ length: width }, () => ({}));
        const { known, example, made } = trialRows(mlmodel.metadata, exampleRows, inputs);
        return flat([...known, ...example, ...made]);
      },
    });
    return runner;
  }
}

/** The files are what was tried; tags are what somebody says of them later. */
function declaredDefault({ metadata }: MlModel, { tags }: ModelProvenance): DeclaredDefault {
  if (metadata.default_class !== undefined) return { label: metadata.default_class, from: 'metadata' };
  return tags.defaultClass === undefined ? undefined : { label: tags.defaultClass, from: 'tag' };
}
