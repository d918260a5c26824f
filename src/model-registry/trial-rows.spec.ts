import { describe, expect, it } from '@jest/globals';
import { flat, trialRows } from './trial-rows.js';

const known = (inputs: (number | null)[][]) => ({
  known_rows: { inputs, probabilities: inputs.map(() => 0.5), tolerance: 1e-5 },
});

const values = (rows: readonly Float32Array[]) => rows.map((row) => [...row]);

describe('trialRows', () => {
  it('gives the known rows and those of the example, NaN for what is missing', () => {
    const rows = trialRows(known([[1, null]]), [[null, 2]], [{}, {}]);
    expect(values(rows.known)).toEqual([[1, NaN]]);
    expect(values(rows.example)).toEqual([[NaN, 2]]);
  });

  it('leaves out rows of an example that are zeros or of another width, and more than 64', () => {
    const example = [[0, 0], [null, 0], [1], ...Array.from({ length: 100 }, () => [0, 1])];
    expect(values(trialRows({}, example, [{}, {}]).example)).toEqual(Array.from({ length: 64 }, () => [0, 1]));
  });

  it('refuses known rows of another width', () => {
    expect(() => trialRows(known([[0.5]]), [], [{}, {}])).toThrow(
      'Known row 0 has 1 inputs, the model takes 2. Save the model again.',
    );
  });

  it('makes rows within the ranges of the inputs', () => {
    const inputs = [{ range: [-2, 3] as const }, { range: [5, null] as const }, { range: [null, -1] as const }];
    const { made } = trialRows({}, [], inputs);
    expect(made).toHaveLength(64);
    for (const [first, second, third] of made) {
      expect(first).toBeGreaterThanOrEqual(-2);
      expect(first).toBeLessThanOrEqual(3);
      expect(second).toBeGreaterThanOrEqual(5);
      expect(third).toBeLessThanOrEqual(-1);
    }
  });

  it('makes rows around the example where there are no ranges', () => {
    const { made } = trialRows({}, [[40_000, -2, 0]], [{}, {}, {}]);
    for (const [first, second, third] of made) {
      expect(first! / 40_000).toBeCloseTo(1, 0);
      expect(second).toBeLessThanOrEqual(-1);
      expect(third).toBeLessThanOrEqual(1);
    }
  });

  it('makes rows of several sizes where nothing is known, small ones first, and the same ones each time', () => {
    const { made } = trialRows({}, [], [{}]);
    expect(made.slice(0, 16).every(([value]) => value! > 0 && value! <= 1)).toBe(true);
    expect(Math.max(...flat(made))).toBeGreaterThan(10_000);
    expect(values(trialRows({}, [], [{}]).made)).toEqual(values(made));
  });
});

describe('flat', () => {
  it('puts rows one after the other', () => {
    expect([...flat([Float32Array.of(1, 2), Float32Array.of(3, 4)])]).toEqual([1, 2, 3, 4]);
    expect(flat([])).toHaveLength(0);
  });
});
