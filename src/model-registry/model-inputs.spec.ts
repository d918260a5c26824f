import { describe, expect, it } from '@jest/globals';
import { declaredWidth, describeInputs } from './model-inputs.js';
import { type MlModel, parseMlmodel } from './mlmodel.js';
import type { ModelTags } from './source/model-source.js';

const mlmodel = (metadata: unknown): MlModel =>
  parseMlmodel(JSON.stringify({ flavors: { onnx: { data: 'model.onnx' } }, metadata }));

const describeWith = (metadata: unknown, { tags = {}, exampleRows = [] }: Context = {}) =>
  describeInputs({ mlmodel: mlmodel(metadata), exampleRows }, 2, tags);

interface Context {
  tags?: ModelTags;
  exampleRows?: (number | null)[][];
}

const NAMED = { feature_names: ['b', 'a'] };
const HISTOGRAM = { edges: [0, 1], counts: [1] };

describe('describeInputs', () => {
  it('numbers the inputs of a model that names none', () => {
    expect(describeWith({}).inputs).toEqual([
      { name: 'f0', nullable: false },
      { name: 'f1', nullable: false },
    ]);
  });

  it('joins what metadata says of each input, in the order of the model', () => {
    const { inputs, warnings } = describeWith({
      credit_default: {
        ...NAMED,
        feature_descriptions: { a: 'months since opening' },
        feature_ranges: { b: [0, null] },
        nullable_features: ['a'],
      },
    });
    expect(inputs).toEqual([
      { name: 'b', range: [0, null], nullable: false },
      { name: 'a', description: 'months since opening', nullable: true },
    ]);
    expect(warnings).toEqual([]);
  });

  it('refuses a name that stands twice', () => {
    expect(() => describeWith({ feature_names: ['a', 'a'] })).toThrow(/twice. Save the model with distinct names/);
  });

  describe('what may be missing', () => {
    const nullables = (metadata: unknown, context?: Context) =>
      describeWith(metadata, context).inputs.flatMap(({ name, nullable }) => (nullable ? [name] : []));

    it.each<[string, unknown, Context]>([
      ['the metadata', { credit_default: { ...NAMED, nullable_features: ['a'] } }, {}],
      ['a tag of the version', { credit_default: NAMED }, { tags: { nullableFeatures: ' a ,' } }],
      [
        'a row of the input example',
        { credit_default: NAMED },
        {
          exampleRows: [
            [1, 2],
            [1, null],
          ],
        },
      ],
      ['a known row', { credit_default: { ...NAMED, known_rows: { inputs: [[1, NaN]], probabilities: [0.5] } } }, {}],
    ])('is what %s says or shows', (_what, metadata, context) => {
      expect(nullables(metadata, context)).toEqual(['a']);
    });

    it('may be every input of several', () => {
      expect(nullables({ credit_default: NAMED }, { tags: { nullableFeatures: 'a,b' } })).toEqual(['b', 'a']);
    });

    it('is not told by rows of another width', () => {
      expect(nullables({}, { exampleRows: [[null]] })).toEqual([]);
    });

    it('is told by the metadata rather than by a tag, of which a warning tells', () => {
      const metadata = { credit_default: { ...NAMED, nullable_features: ['a'] } };
      const context = { tags: { nullableFeatures: 'b' } };
      expect(nullables(metadata, context)).toEqual(['a']);
      expect(describeWith(metadata, context).warnings).toEqual([
        expect.stringMatching(/tag nullable_features is not used/),
      ]);
    });
  });

  describe('names that are no inputs', () => {
    it.each<[string, Record<string, unknown>]>([
      ['feature_descriptions', { feature_descriptions: { bureau: 'score' } }],
      ['feature_ranges', { feature_ranges: { bureau: [0, 1] } }],
      ['nullable_features', { nullable_features: ['bureau'] }],
      ['reference.features', { reference: { features: { bureau: HISTOGRAM }, score: HISTOGRAM } }],
    ])('in %s are refused under our key, and beside it told of', (member, members) => {
      expect(() => describeWith({ credit_default: { ...NAMED, ...members } })).toThrow(
        `${member} names bureau, which the model does not have as inputs (they are b, a)`,
      );
      const { inputs, warnings } = describeWith({ ...NAMED, ...members });
      expect(inputs.map(({ name }) => name)).toEqual(['b', 'a']);
      expect(warnings).toEqual([expect.stringContaining(`${member} names bureau`)]);
    });

    it('in the tag nullable_features are refused', () => {
      expect(() => describeWith({}, { tags: { nullableFeatures: 'f0,bureau' } })).toThrow(
        /tag nullable_features names bureau,.+Correct the tag/,
      );
    });
  });
});

describe('declaredWidth', () => {
  it('believes names before the signature', () => {
    expect(declaredWidth({ ...mlmodel({ feature_names: ['a'] }), signatureWidth: 2 })).toBe(1);
    expect(declaredWidth({ ...mlmodel({}), signatureWidth: 2 })).toBe(2);
    expect(declaredWidth(mlmodel({}))).toBeUndefined();
  });
});
