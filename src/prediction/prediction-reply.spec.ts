import { describe, expect, it } from '@jest/globals';
import { newId } from '../common/ids/new-id.js';
import { commonMembers, predictionReply } from './prediction-reply.js';
import type { PredictResponse } from './prediction.schemas.js';

const COMMON = {
  threshold: 0.2,
  model: { name: 'with "quotes"', version: '7', alias: 'production', digest: 'a'.repeat(64) },
};
const common = commonMembers({ threshold: COMMON.threshold, ref: COMMON.model });

describe('predictionReply', () => {
  it.each<Omit<PredictResponse, 'threshold' | 'model'>>([
    { id: newId(), prediction: 1, probability: Math.fround(0.1) },
    { id: newId(), prediction: 0, probability: 0 },
    { id: newId(), prediction: 0, probability: Math.fround(1e-38) },
    {
      id: newId(),
      prediction: 0,
      probability: 1,
      warnings: [{ feature: 'line\n\u2028"break"', code: 'OUT_OF_RANGE' }],
    },
  ])('says what JSON.stringify would: %o', (own) => {
    const { warnings, ...members } = own;
    expect(predictionReply(own, common)).toBe(JSON.stringify({ ...members, ...COMMON, ...(warnings && { warnings }) }));
  });
});
