import { describe, expect, it } from '@jest/globals';
import { type MlModel, parseMlmodel } from './mlmodel.js';
import { declaredWidth, describeInputs } from './model-inputs.js';

const mlmodel = (metadata: unknown): MlModel =>
  parseMlmodel(JSON.stringify({ flavors: { onnx: { data: 'model.onnx' } }, metadata }));

describe('describeInputs', () => {
  it('numbers the inputs of a model that names none', () => {
    expect(describeInputs(mlmodel({}).metadata, 2)).toEqual([
      { name: 'f0', nullable: false },
      { name: 'f1', nullable: false },
    ]);
  });

  it('joins what metadata says of each input, in the order of the model', () => {
    const { metadata } = mlmodel({
      feature_names: ['b', 'a'],
      feature_descriptions: { a: 'months since opening' },
      feature_ranges: { b: [0, null] },
      nullable_features: ['a'],
    });
    expect(describeInputs(metadata, 2)).toEqual([
      { name: 'b', range: [0, null], nullable: false },
      { name: 'a', description: 'months since opening', nullable: true },
    ]);
  });

  it('refuses a name that stands twice', () => {
    const { metadata } = mlmodel({ feature_names: ['a', 'a'] });
    expect(() => describeInputs(metadata, 2)).toThrow(/a name twice. Save the model with distinct names/);
  });
});

describe('declaredWidth', () => {
  it('believes names before the signature', () => {
    expect(declaredWidth({ ...mlmodel({ feature_names: ['a'] }), signatureWidth: 2 })).toBe(1);
    expect(declaredWidth({ ...mlmodel({}), signatureWidth: 2 })).toBe(2);
    expect(declaredWidth(mlmodel({}))).toBeUndefined();
  });
});
