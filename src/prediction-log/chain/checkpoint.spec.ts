import { describe, expect, it } from '@jest/globals';
import { type Checkpoint, checkpointHmac } from './checkpoint.js';

const KEY = 'k'.repeat(32);

const head = { writer: '11111111-2222-3333-4444-555555555555', first: 5, sequence: 7, hash: 'ab'.repeat(32) };
const checkpoint: Checkpoint = {
  month: '2024-10-01',
  rowCounts: { predictions: 3, prediction_outcomes: 1 },
  heads: [head],
};

describe('checkpointHmac', () => {
  it('does not depend on how jsonb orders members', () => {
    const reordered = { ...checkpoint, rowCounts: { prediction_outcomes: 1, predictions: 3 } };
    expect(checkpointHmac(reordered, KEY)).toEqual(checkpointHmac(checkpoint, KEY));
  });

  it.each<[string, Partial<Checkpoint>]>([
    ['month', { month: '2024-11-01' }],
    ['counts', { rowCounts: { predictions: 3, prediction_outcomes: 2 } }],
    ['tables', { rowCounts: { predictions: 3 } }],
    ['number of heads', { heads: [head, head] }],
    ["heads' writers", { heads: [{ ...head, writer: '21111111-2222-3333-4444-555555555555' }] }],
    ["heads' first groups", { heads: [{ ...head, first: 4 }] }],
    ["heads' sequences", { heads: [{ ...head, sequence: 8 }] }],
    ["heads' hashes", { heads: [{ ...head, hash: 'cd'.repeat(32) }] }],
  ])('covers the %s', (_what, change) => {
    expect(checkpointHmac({ ...checkpoint, ...change }, KEY)).not.toEqual(checkpointHmac(checkpoint, KEY));
  });

  it('cannot be had without the key', () => {
    expect(checkpointHmac(checkpoint, `${KEY}!`)).not.toEqual(checkpointHmac(checkpoint, KEY));
  });
});
