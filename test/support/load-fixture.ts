import { readModelDirectory } from '../../src/model-registry/model-directory.js';
import { ModelLoader } from '../../src/model-registry/model-loader.js';
import { OnnxModelRunnerFactory } from '../../src/model-registry/runner/onnx-model-runner.js';
import type { ServedModel } from '../../src/model-registry/served-model.js';
import type { ModelTags } from '../../src/model-registry/source/model-source.js';
import { FIXTURE_MODELS, fixtureModel } from './fixture-models.js';

/** Loads a fixture model as if it were version 1 of a registered model of the same name. */
export const loadFixture = (name: string, loader?: ModelLoader, tags?: ModelTags): Promise<ServedModel> =>
  loadDirectory(`${FIXTURE_MODELS}/${name}`, name, loader, tags);

/** The same of any model directory. */
export async function loadDirectory(
  directory: string,
  name: string,
  loader = new ModelLoader(new OnnxModelRunnerFactory()),
  tags: ModelTags = {},
): Promise<ServedModel> {
  return loader.load(await readModelDirectory(directory), {
    ref: { name, version: '1', alias: null },
    identity: `m-${name}`,
    runId: undefined,
    digestVouched: false,
    tags,
    sourceUri: fixtureModel(name),
  });
}
