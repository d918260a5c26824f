import { Injectable } from '@nestjs/common';
import { tryModel } from './known-rows.js';
import type { ModelFiles } from './model-directory.js';
import { declaredWidth, describeInputs } from './model-inputs.js';
import { ModelRunnerFactory } from './runner/model-runner.js';
import type { ModelRef, ServedModel } from './served-model.js';
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
  constructor(private readonly runners: ModelRunnerFactory) {}

  /**
   * Turns the files of a version into a model that may serve: create the session, warm up, try the known rows.
   *
   * @throws ModelRejectedError
   */
  async load(files: ModelFiles, provenance: ModelProvenance): Promise<ServedModel> {
    const { mlmodel, onnx, digest } = files;
    const { metadata } = mlmodel;
    const runner = await this.runners.create(onnx, declaredWidth(mlmodel));
    try {
      const { inputs, warnings } = describeInputs(files, runner.width, provenance.tags);
      await tryModel(runner, metadata);
      return {
        ...provenance,
        ref: { ...provenance.ref, digest },
        inputs,
        warnings: [...files.warnings, ...warnings],
        threshold: metadata.threshold,
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
}
