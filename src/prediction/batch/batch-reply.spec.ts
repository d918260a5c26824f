import { describe, expect, it } from '@jest/globals';
import { servedModel } from '../../../test/support/served-model.js';
import type { FeatureWarning } from '../feature-encoder.js';
import { batchReply } from './batch-reply.js';

const model = servedModel();

const reply = (probabilities: number[], warnings: [number, FeatureWarning[]][] = []) =>
  batchReply(Float32Array.from(probabilities), model, new Map(warnings));

describe('batchReply', () => {
  it('is what JSON.stringify would write', () => {
    const warned: FeatureWarning[] = [
      { feature: 'Zoë "limit"', code: 'OUT_OF_RANGE' },
      { feature: 'age', code: 'OUT_OF_RANGE' },
    ];
    // The least float32 above zero, and such as have the longest texts.
    const probabilities = [0, 1, 0.5, 0.1, 1.401298464324817e-45, 1.1754943508222875e-38, 0.30000001192092896];
    const { body, ids } = reply(probabilities, [
      [1, warned],
      [6, warned],
    ]);
    const expected = {
      predictions: probabilities.map((probability, i) => ({
        id: ids()[i],
        prediction: Math.fround(probability) >= model.threshold ? 1 : 0,
        probability: Math.fround(probability),
        ...((i === 1 || i === 6) && { warnings: warned }),
      })),
      threshold: model.threshold,
      model: model.ref,
    };
    expect(body.toString()).toBe(JSON.stringify(expected));
  });

  it('names each of ten thousand rows, in ascending order', () => {
    const { ids } = reply(Array.from({ length: 10_000 }, () => 0.25));
    expect(new Set(ids()).size).toBe(10_000);
    expect(ids().toSorted()).toEqual(ids());
  });
});
