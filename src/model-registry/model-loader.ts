import { basename } from 'node:path';
import { Injectable } from '@nestjs/common';
import { tryModel } from './known-rows.js';
import { readModelDirectory } from './model-directory.js';
import { declaredWidth, describeInputs } from './model-inputs.js';
import { ModelRunnerFactory } from './runner/model-runner.js';
import type { ServedModel } from './served-model.js';

/** Length of the digest's prefix that stands for the version of a model that no registry has numbered. */
const SHORT_DIGEST_LENGTH = 12;

@Injectable()
export class ModelLoader {
  constructor(private readonly runners: ModelRunnerFactory) {}

  /**
   * Turns a model directory into a model that may serve: read, parse, create the session, warm up, try known rows.
   *
   * @throws ModelRejectedError
   */
  async load(directory: string, sourceUri: string): Promise<ServedModel> {
    const { mlmodel, onnx, digest } = await readModelDirectory(directory);
    const { metadata } = mlmodel;
    const runner = await this.runners.create(onnx, declaredWidth(mlmodel));
    try {
      const inputs = describeInputs(metadata, runner.width);
      await tryModel(runner, metadata);
      return {
        ref: {
          name: metadata.name ?? basename(directory),
          version: digest.slice(0, SHORT_DIGEST_LENGTH),
          alias: null,
          digest,
        },
        inputs,
        threshold: metadata.threshold,
        runId: mlmodel.runId,
        sourceUri,
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
