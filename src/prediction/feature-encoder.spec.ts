import { describe, expect, it } from '@jest/globals';
import { domainErrorOf } from '../../test/support/domain-error-of.js';
import { FeatureEncoder } from './feature-encoder.js';

const encoder = new FeatureEncoder([
  { name: 'income', nullable: false, range: [0, 0.1] },
  { name: 'utilisation', nullable: true, range: [null, 2] },
]);

function encode(features: unknown): number[] {
  const row = new Float32Array(2);
  encoder.encode(features, 'features', row, 0);
  return [...row];
}

const warningsOf = (features: unknown) => encoder.encode(features, 'features', new Float32Array(2), 0);

const refusalOf = (features: unknown) => domainErrorOf(() => encode(features));

describe('FeatureEncoder', () => {
  it('takes an array in the order of the model', () => {
    expect(encode([0.5, 0.25])).toEqual([0.5, 0.25]);
  });

  it('takes an object by name, in any order', () => {
    expect(encode({ utilisation: 0.25, income: 0.5 })).toEqual([0.5, 0.25]);
  });

  it('rounds to float32 once', () => {
    expect(encode([0.1, 16_777_217])).toEqual([Math.fround(0.1), 16_777_216]);
  });

  it('turns null into NaN where the model saw missing values', () => {
    expect(encode([1, null])).toEqual([1, NaN]);
    expect(encode({ income: 1, utilisation: null })).toEqual([1, NaN]);
  });

  it('writes at the offset and nowhere else', () => {
    const rows = new Float32Array(6).fill(9);
    encoder.encode([1, 2], 'features', rows, 2);
    expect([...rows]).toEqual([9, 9, 1, 2, 9, 9]);
  });

  it('has its own members only: a name of Object.prototype is missing', () => {
    const inherited = new FeatureEncoder([{ name: 'constructor', nullable: false }]);
    const error = domainErrorOf(() => inherited.encode({}, 'features', new Float32Array(1), 0));
    expect(error.errors).toEqual([{ path: 'features.constructor', message: 'is missing' }]);
  });

  describe('refuses as INVALID_REQUEST, because no model could take it,', () => {
    it.each([
      ['a string', 'income', 'features'],
      ['a number', 1, 'features'],
      ['null', null, 'features'],
      ['nothing', undefined, 'features'],
      ['a string value', ['1', 2], 'features.0'],
      ['a boolean value', [1, true], 'features.1'],
      ['a nested array', [[1], 2], 'features.0'],
      ['an object value', { income: {}, utilisation: 2 }, 'features.income'],
      ['infinity', [Infinity, 2], 'features.0'],
      ['NaN', [NaN, 2], 'features.0'],
    ])('%s', (_what, features, path) => {
      const { code, errors } = refusalOf(features);
      expect(code).toBe('INVALID_REQUEST');
      expect(errors).toEqual([{ path, message: expect.stringMatching(/^must be /) }]);
    });
  });

  describe('refuses as FEATURES_MISMATCH, because this model does not take it,', () => {
    it.each([
      ['too few values', [1], 'features', 'has 1 values, the model takes 2'],
      ['too many values', [1, 2, 3], 'features', 'has 3 values, the model takes 2'],
      ['no values', [], 'features', 'has 0 values, the model takes 2'],
      ['a missing name', { income: 1 }, 'features.utilisation', 'is missing'],
      [
        'a misplaced null',
        [null, 2],
        'features.0',
        expect.stringMatching(/^may not be null: .+nullable_features.+docs\/model-contract\.md/),
      ],
      ['a number beyond float32', [1e39, 2], 'features.0', 'is beyond what a 32-bit float can hold'],
    ])('%s', (_what, features, path, message) => {
      const { code, errors } = refusalOf(features);
      expect(code).toBe('FEATURES_MISMATCH');
      expect(errors).toEqual([{ path, message }]);
    });

    it('an unknown name, which is counted and not repeated', () => {
      const error = refusalOf({ income: 1, utilisation: 2, 's3cr3t-marker': 3 });
      expect(error.code).toBe('FEATURES_MISMATCH');
      expect(error.errors).toEqual([{ path: 'features', message: 'has 1 name(s) that are not inputs of the model' }]);
      expect(JSON.stringify(error)).not.toContain('s3cr3t-marker');
    });
  });

  it('names the inputs of the model, in order, when the features do not fit', () => {
    expect(refusalOf([1]).message).toContain('2 features, in this order or by name: income, utilisation.');
  });

  it('says everything that is wrong with a row at once', () => {
    const { code, errors } = refusalOf(['x', null, 3]);
    expect(code).toBe('INVALID_REQUEST');
    expect(errors?.map(({ path }) => path)).toEqual(['features', 'features.0']);
  });

  describe('warns of values outside the declared range', () => {
    it.each([
      ['below', [-0.001, 1], ['income']],
      ['above', [0.11, 2.5], ['income', 'utilisation']],
    ])('%s', (_side, features, names) => {
      expect(warningsOf(features)).toEqual(names.map((feature) => ({ feature, code: 'OUT_OF_RANGE' })));
    });

    it.each([
      ['equal to a bound', [0, 2]],
      ['on the open side', [0, -1e30]],
      ['missing', [0, null]],
    ])('but not of one that is %s', (_where, features) => {
      expect(warningsOf(features)).toBeUndefined();
    });

    it.each([
      ['below', 0.7, [0.7, null]],
      ['above', 0.1, [null, 0.1]],
    ] as const)(
      'but not of one that is equal to a bound and that float32 rounds to a value %s it',
      (_side, value, range) => {
        const rounding = new FeatureEncoder([{ name: 'ratio', nullable: false, range }]);
        expect(rounding.encode([value], 'features', new Float32Array(1), 0)).toBeUndefined();
      },
    );
  });
});
