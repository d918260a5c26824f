import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { FIXTURE_MODELS } from '../../test/support/fixture-models.js';
import { parseMlmodel } from './mlmodel.js';
import { ModelRejectedError } from './model-rejected.error.js';

const fixture = (name: string) => parseMlmodel(readFileSync(`${FIXTURE_MODELS}/${name}/MLmodel`, 'utf8'));

const withMetadata = (metadata: unknown) =>
  parseMlmodel(JSON.stringify({ flavors: { onnx: { data: 'model.onnx' } }, metadata }));

const withInputs = (inputs: unknown) =>
  parseMlmodel(
    JSON.stringify({ flavors: { onnx: { data: 'model.onnx' } }, signature: { inputs: JSON.stringify(inputs) } }),
  );

const tensor = (shape: number[]) => [{ type: 'tensor', 'tensor-spec': { dtype: 'float32', shape } }];

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

  it('has a default for all that a plain model does not say', () => {
    const { signatureWidth, metadata, runId } = fixture('no-signature');
    expect({ signatureWidth, runId }).toEqual({ signatureWidth: undefined, runId: undefined });
    expect(metadata).toEqual({
      allow_signature_change: false,
      threshold: 0.5,
      nullable_features: [],
      feature_ranges: {},
      feature_descriptions: {},
      training_metrics: {},
    });
  });

  it("takes MLflow's null for no metadata", () => {
    expect(withMetadata(null).metadata.threshold).toBe(0.5);
  });

  it('leaves alone what others keep under metadata', () => {
    expect(withMetadata({ team: { name: 'risk' } }).metadata).not.toHaveProperty('team');
  });

  it.each([
    ['bad', 'bad'],
    [2, '2'],
    [true, 'true'],
  ])('takes %p for the label of a class', (label, text) => {
    expect(withMetadata({ default_class: label }).metadata.default_class).toBe(text);
  });

  describe('the width in the signature', () => {
    it.each([
      ['of a tensor is its last dimension', tensor([-1, 3]), 3],
      ['of a tensor may be open', tensor([-1, -1]), undefined],
      ['of named columns is their number', [{ type: 'double' }, { type: 'double' }], 2],
    ])('%s', (_what, inputs, width) => {
      expect(withInputs(inputs).signatureWidth).toBe(width);
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

    it.each<[string, unknown]>([
      ['threshold', { threshold: 1.5 }],
      ['feature_names', { feature_names: [] }],
      ['feature_ranges.income', { feature_ranges: { income: [0] } }],
      ['nullable_features', { nullable_features: 'income' }],
      ['training_metrics.auc', { training_metrics: { auc: 'high' } }],
      ['known_rows', { known_rows: { inputs: [[1]], probabilities: [0.5, 0.5] } }],
      ['known_rows.tolerance', { known_rows: { inputs: [[1]], probabilities: [0.5], tolerance: 0 } }],
      ['known_rows.probabilities.0', { known_rows: { inputs: [[1]], probabilities: [2] } }],
    ])('metadata with a bad %s, which it names', (name, metadata) => {
      expect(() => withMetadata(metadata)).toThrow(ModelRejectedError);
      expect(() => withMetadata(metadata)).toThrow(`metadata.${name}: `);
    });
  });
});
