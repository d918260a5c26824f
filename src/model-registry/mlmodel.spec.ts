import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { FIXTURE_MODELS } from '../../test/support/fixture-models.js';
import { parseMlmodel } from './mlmodel.js';
import { ModelRejectedError } from './model-rejected.error.js';

const fixture = (name: string) => parseMlmodel(readFileSync(`${FIXTURE_MODELS}/${name}/MLmodel`, 'utf8'));

const named = (signature: string[] | undefined, feature_names: string[] | undefined) =>
  parseMlmodel(
    JSON.stringify({
      flavors: { onnx: { data: 'model.onnx' } },
      ...(signature && {
        signature: { inputs: JSON.stringify(signature.map((name) => ({ type: 'double', name, required: true }))) },
      }),
      metadata: { credit_default: { feature_names } },
    }),
  );

describe('parseMlmodel', () => {
  it('reads what a model says of itself', () => {
    const { onnxPath, signatureWidth, metadata } = fixture('lightgbm-small');
    expect({ onnxPath, signatureWidth }).toEqual({ onnxPath: 'model.onnx', signatureWidth: 3 });
    expect(metadata).toMatchObject({
      feature_names: ['credit_limit', 'utilisation', 'months_late'],
      nullable_features: ['utilisation'],
      threshold: 0.25,
      feature_ranges: { credit_limit: [0, null], months_late: [0, 6] },
      training_metrics: { auc: 0.82441 },
    });
    expect(metadata.known_rows?.inputs).toHaveLength(32);
  });

  it('knows nothing of the inputs of a plain model', () => {
    const { signatureWidth, inputNames, runId } = fixture('no-signature');
    expect({ signatureWidth, inputNames, runId }).toEqual({
      signatureWidth: undefined,
      inputNames: undefined,
      runId: undefined,
    });
  });

  it('takes a signature of outputs alone for none', () => {
    expect(
      parseMlmodel('{flavors: {onnx: {data: model.onnx}}, signature: {inputs: null, outputs: "[]"}}'),
    ).toMatchObject({
      signatureWidth: undefined,
      inputNames: undefined,
    });
  });

  describe('the names of the inputs', () => {
    it.each([
      ['the metadata', undefined, ['a', 'b']],
      ['the signature', ['a', 'b'], undefined],
      ['both, alike', ['a', 'b'], ['a', 'b']],
    ])('are those of %s', (_what, signature, metadata) => {
      expect(named(signature, metadata).inputNames).toEqual(['a', 'b']);
    });

    it.each([
      ['in another order', ['b', 'a']],
      ['other ones', ['a', 'c']],
      ['fewer', ['a']],
    ])('are refused where both name them, %s', (_what, metadata) => {
      expect(() => named(['a', 'b'], metadata)).toThrow(ModelRejectedError);
      expect(() => named(['a', 'b'], metadata)).toThrow(
        `its feature_names are ${metadata.join(', ')}, the columns of its signature a, b.`,
      );
    });
  });

  describe('refuses, and says how to put it right,', () => {
    it.each<[string, string, RegExp]>([
      ['what is not YAML', '{', /not readable as YAML: save or download the model again/],
      ['an empty file', '', /not readable as YAML: save or download the model again/],
      ['a document without flavors', 'run_id: abc', /flavors: .+save the model with mlflow\.onnx/],
      ['a model of another flavor', 'flavors: { sklearn: {} }', /no `onnx` flavor: convert the model to ONNX/],
      [
        'a signature that is not JSON',
        'flavors: { onnx: { data: model.onnx } }\nsignature: { inputs: "[" }',
        /signature in MLmodel cannot be read: save the model again/,
      ],
    ])('%s', (_what, text, message) => {
      expect(() => parseMlmodel(text)).toThrow(ModelRejectedError);
      expect(() => parseMlmodel(text)).toThrow(message);
    });

    it("a value of NumPy's, and how to write it", () => {
      const text = 'flavors: {}\nmetadata:\n  threshold: !!python/object/apply:numpy._core.multiarray.scalar [1]';
      expect(() => parseMlmodel(text)).toThrow(/Line 3: .*python\/object.+convert those of NumPy.+float\(\)/);
    });
  });
});
