import { describe, expect, it } from '@jest/globals';
import { readMetadata } from './model-metadata.js';
import { ModelRejectedError } from './model-rejected.error.js';

const ours = (members: unknown) => readMetadata({ credit_default: members });

const DEFAULTS = {
  allow_signature_change: false,
  threshold: 0.5,
  feature_ranges: {},
  feature_descriptions: {},
  training_metrics: {},
};

describe('readMetadata', () => {
  it.each([
    ['nothing', undefined],
    ["MLflow's null", null],
    ['nothing under our key', { credit_default: null }],
    ['what is no object', 'v3'],
    ['members of others alone', { owner: 'risk', default_class: 3, directions: 'up' }],
  ])('has a default for all that %s does not say', (_what, metadata) => {
    expect(readMetadata(metadata)).toMatchObject({ metadata: DEFAULTS, warnings: [] });
  });

  describe('under our key', () => {
    it('leaves alone what others keep beside it', () => {
      const read = readMetadata({
        credit_default: { threshold: 0.3 },
        threshold: '0.4',
        reference: 'CR-1042',
        name: 'x',
      });
      expect(read).toEqual({ metadata: { ...DEFAULTS, threshold: 0.3 }, isOurs: true, warnings: [] });
    });

    it.each([
      ['bad', 'bad'],
      [2, '2'],
      [true, 'true'],
    ])('takes %p for the label of a class', (label, text) => {
      expect(ours({ default_class: label }).metadata.default_class).toBe(text);
    });

    it("takes Python's NaN for a missing value, and its infinities for open ends", () => {
      const { metadata } = ours({
        known_rows: { inputs: [[NaN, 1]], probabilities: [0.5] },
        feature_ranges: { income: [0, Infinity], age: [-Infinity, 99] },
      });
      expect(metadata.known_rows?.inputs).toEqual([[null, 1]]);
      expect(metadata.feature_ranges).toEqual({ income: [0, null], age: [null, 99] });
    });

    it('takes members that this release does not use', () => {
      const unused = {
        holdout: { rows: 1 },
        dataset: { name: 'loans' },
        directions: { income: -1 },
        outcome_horizon_days: 365,
        trained_until: '2026-01-01',
        explanation: { reference_name: 'training rows' },
        reference: { features: {}, score: { edges: [0, 1], counts: [1] }, quality: { auc: 0.8 } },
      };
      expect(() => ours(unused)).not.toThrow();
    });

    it.each<[string, unknown, string]>([
      ['threshold', { threshold: '0.3' }, 'threshold is a number from 0 to 1'],
      ['threshold', { threshold: 1.5 }, 'threshold is a number from 0 to 1'],
      ['feature_names', { feature_names: [] }, 'a list of names in the order of the model'],
      ['feature_ranges.income', { feature_ranges: { income: [0] } }, '[min, max] by input, null for an open end'],
      ['nullable_features', { nullable_features: 'income' }, 'a list of inputs'],
      ['default_class', { default_class: 0.5 }, 'the label of a class'],
      ['training_metrics.auc', { training_metrics: { auc: 'high' } }, 'numbers by name'],
      ['known_rows', { known_rows: { inputs: [[1]], probabilities: [0.5, 0.5] } }, 'differ in length'],
      ['known_rows.tolerance', { known_rows: { inputs: [[1]], probabilities: [0.5], tolerance: 0 } }, 'above 0'],
      ['known_rows.probabilities.0', { known_rows: { inputs: [[1]], probabilities: [2] } }, 'one for each row'],
      ['known_rows.tolerence', { known_rows: { inputs: [[1]], probabilities: [1], tolerence: 1 } }, 'no such member'],
      ['feature_name', { feature_name: ['income'] }, 'there is no such member'],
    ])('refuses a bad %s by its name, and says what it is to be', (name, members, form) => {
      expect(() => ours(members)).toThrow(ModelRejectedError);
      expect(() => ours(members)).toThrow(`metadata.credit_default.${name}: `);
      expect(() => ours(members)).toThrow(form);
      expect(() => ours(members)).toThrow('docs/model-contract.md');
    });

    it('refuses what is no object', () => {
      expect(() => ours(['income'])).toThrow(/\(metadata\.credit_default: .+expected object/);
    });

    it('names three faults and counts the others', () => {
      const inputs = Array.from({ length: 10 }, () => ['low']);
      const refused = () => ours({ known_rows: { inputs, probabilities: inputs.map(() => 0.5) } });
      expect(refused).toThrow(/inputs\.0\.0: .+inputs\.1\.0: .+inputs\.2\.0: .+; and 7 more\)/);
    });
  });

  describe('where our key is missing', () => {
    it('reads the members that stood there once', () => {
      const read = readMetadata({ feature_names: ['income'], threshold: 0.3, owner: 'risk', holdout: 'x' });
      expect(read).toEqual({
        metadata: { ...DEFAULTS, feature_names: ['income'], threshold: 0.3 },
        isOurs: false,
        warnings: [],
      });
    });

    it.each<[string, Record<string, unknown>]>([
      ['threshold', { threshold: '0.3' }],
      ['reference', { reference: 'CR-1042' }],
      ['known_rows', { known_rows: [[1, 2]] }],
    ])('ignores all of them, with a warning, where %s is not in our form', (member, metadata) => {
      const read = readMetadata({ ...metadata, feature_names: ['income'] });
      expect(read).toEqual({
        metadata: DEFAULTS,
        isOurs: false,
        warnings: [
          expect.stringMatching(new RegExp(`^Nothing under metadata .+\\(${member}.+metadata\\.credit_default`)),
        ],
      });
      expect(read.warnings[0]).not.toContain('CR-1042');
    });
  });
});
