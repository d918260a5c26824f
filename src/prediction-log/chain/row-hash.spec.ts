import { describe, expect, it } from '@jest/globals';
import type { RecordWarning } from '../prediction-record.js';
import { contextId, erasureHash, outcomeHash, predictionHash, subjectHash } from './row-hash.js';

/** The hashes below were computed by another program, from the encoding that CanonicalBytes documents. */

const ID = '01a20a9e-03d4-72c3-bae8-c89e001632b9';
const OTHER_ID = '11111111-2222-3333-4444-555555555555';

const salt = Uint8Array.from({ length: 16 }, (_, i) => i);
const inputs = Float32Array.of(0.1, -2, NaN);
const subject = subjectHash(salt, inputs, 'application-4711');

const prediction = {
  id: ID,
  contextId: OTHER_ID,
  requestId: 'request-1',
  traceId: null,
  batchId: '01a20a9e-03d4-72c3-bae8-c89e001632b0',
  rowIndex: 3,
  probability: 0.25,
  prediction: 1 as const,
  warnings: [{ feature: 'credit_limit', code: 'OUT_OF_RANGE' as const }],
  caller: 'branch-7',
  inferenceUs: 81.5,
};
const outcome = {
  id: ID,
  predictionId: OTHER_ID,
  defaulted: true,
  observedAt: new Date('2026-01-01T00:00:00Z'),
  requestId: 'request-1',
  caller: null,
};
const erasure = {
  id: ID,
  kind: 'asked' as const,
  referenceHmac: new Uint8Array(32).fill(7),
  rowCount: 2,
  requestId: 'request-1',
  tokens: new Uint8Array(64).fill(9),
};
const context = {
  format: 1,
  modelName: 'credit-default-model',
  modelVersion: '3',
  modelAlias: 'production',
  modelDigest: 'ab'.repeat(32),
  threshold: 0.226,
  featureNames: ['a', 'b'],
  onnxruntimeVersion: '1.30.0',
  platform: 'linux/x64',
  defaultClass: null,
  defaultClassFrom: null,
};

const context2 = { ...context, format: 2, defaultClass: 'bad', defaultClassFrom: 'tag' };

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('the hashes of rows', () => {
  it.each([
    ['a subject', subject, 'caacbd6ec512e55e1f67d7c7cdf8c410ddce320b5298fd37f2dba256afae0eff'],
    [
      'a prediction',
      predictionHash(prediction, subject),
      '6e0cac4ef8495acf6ae7ec6a9333a2ad8b7a3b59f9b5abdfc499ea0217f2186d',
    ],
    ['an outcome', outcomeHash(outcome), 'ea0aaf3f0cf25ea7adf2a1b97550e31a1467e578d9a4d363a8430439a9f0926e'],
    [
      'an erasure of format 1',
      erasureHash({ ...erasure, tokens: null }, 1),
      '58485e27bfd992b512c5fd20ec79e7e53739ffd0e1224a539ff5a289abc750aa',
    ],
  ])('are what their definition says, for %s', (_what, actual, expected) => {
    expect(hex(actual)).toBe(expected);
  });

  it("name a context by its content's, as its format says", () => {
    expect(contextId(context)).toBe('2a540463-8652-3783-a2ea-08ea04d5fc9c');
    expect(contextId(context2)).toBe('cf587bdc-199a-6106-ea85-a8a31ad82b76');
  });

  it('name no context that has what its format does not cover, or of a newer one', () => {
    expect(() => contextId({ ...context2, format: 1 })).toThrow('of format 1 has no default class');
    expect(() => contextId({ ...context2, format: 3 })).toThrow('of format 3 is newer than this release');
  });

  it('do not depend on how a float32 is written as text', () => {
    const asRead = Float32Array.from(['0.1', '-2', 'NaN'], Number);
    expect(hex(subjectHash(salt, asRead, 'application-4711'))).toBe(hex(subject));
    const read = { ...prediction, probability: 0.29718095, inferenceUs: 12.345 };
    const scored = { ...prediction, probability: Math.fround(0.29718095), inferenceUs: Math.fround(12.345) };
    expect(hex(predictionHash(read, subject))).toBe(hex(predictionHash(scored, subject)));
  });
});

describe('a hash', () => {
  it.each<[string, Uint8Array]>([
    ['salt', subjectHash(new Uint8Array(16), inputs, 'application-4711')],
    ['an input', subjectHash(salt, Float32Array.of(0.1, -2.0000002, NaN), 'application-4711')],
    ['the order of inputs', subjectHash(salt, Float32Array.of(-2, 0.1, NaN), 'application-4711')],
    ['the number of inputs', subjectHash(salt, Float32Array.of(0.1, -2), 'application-4711')],
    ['the reference', subjectHash(salt, inputs, 'application-4712')],
    ['the absence of a reference', subjectHash(salt, inputs, null)],
  ])('of a subject covers %s', (_what, other) => {
    expect(hex(other)).not.toBe(hex(subject));
  });

  it.each<[string, Partial<typeof prediction> | { traceId: string } | { warnings: RecordWarning[] | null }]>([
    ['id', { id: OTHER_ID }],
    ['context', { contextId: ID }],
    ['request id', { requestId: 'request-2' }],
    ['trace id', { traceId: 'a'.repeat(32) }],
    ['batch id', { batchId: OTHER_ID }],
    ['row index', { rowIndex: 4 }],
    ['probability, to the last bit', { probability: 0.25000003 }],
    ['prediction', { prediction: 0 as never }],
    ['caller', { caller: 'branch-8' }],
    ['time of inference', { inferenceUs: 81.6 }],
    ['lack of warnings', { warnings: null }],
    ['empty warnings', { warnings: [] }],
    ["warning's feature", { warnings: [{ feature: 'other', code: 'OUT_OF_RANGE' }] }],
  ])('of a prediction covers its %s', (_what, change) => {
    expect(hex(predictionHash({ ...prediction, ...change }, subject))).not.toBe(
      hex(predictionHash(prediction, subject)),
    );
  });

  it('of a prediction tells one warning from two, whatever the features are called', () => {
    const two = [
      { feature: 'a', code: 'OUT_OF_RANGE' as const },
      { feature: 'b', code: 'OUT_OF_RANGE' as const },
    ];
    const one = [{ feature: 'a\nOUT_OF_RANGE b', code: 'OUT_OF_RANGE' as const }];
    expect(hex(predictionHash({ ...prediction, warnings: one }, subject))).not.toBe(
      hex(predictionHash({ ...prediction, warnings: two }, subject)),
    );
  });

  it.each([
    ['id', { id: OTHER_ID }],
    ['prediction', { predictionId: ID }],
    ['result', { defaulted: false }],
    ['time, to the millisecond', { observedAt: new Date('2026-01-01T00:00:00.001Z') }],
    ['request id', { requestId: 'request-2' }],
    ['caller', { caller: 'branch-7' }],
  ])('of an outcome covers its %s', (_what, change) => {
    expect(hex(outcomeHash({ ...outcome, ...change }))).not.toBe(hex(outcomeHash(outcome)));
  });

  it.each([
    ['id', { id: OTHER_ID }],
    ['reference', { referenceHmac: new Uint8Array(32) }],
    ['number of rows', { rowCount: 1 }],
    ['request id', { requestId: 'request-2' }],
    ['kind', { kind: 'baseline' as const }],
    ['tokens', { tokens: new Uint8Array(64) }],
  ])('of an erasure covers its %s', (_what, change) => {
    expect(hex(erasureHash({ ...erasure, ...change }, 2))).not.toBe(hex(erasureHash(erasure, 2)));
  });

  it.each([{ tokens: new Uint8Array(32) }, { tokens: null, kind: 'baseline' as const }])(
    'of an erasure of format 1 cannot be had with what that does not cover: %j',
    (change) => {
      expect(() => erasureHash({ ...erasure, ...change }, 1)).toThrow('An erasure of format 1');
    },
  );

  it.each([
    ['model name', { modelName: 'other' }],
    ['version', { modelVersion: '4' }],
    ['alias', { modelAlias: null }],
    ['digest', { modelDigest: 'cd'.repeat(32) }],
    ['threshold', { threshold: 0.2260000000001 }],
    ['feature names', { featureNames: ['ab'] }],
    ['runtime', { onnxruntimeVersion: '1.30.1' }],
    ['platform', { platform: 'linux/arm64' }],
    ['format', { format: 1, defaultClass: null, defaultClassFrom: null }],
    ['default class', { defaultClass: 'good' }],
    ['default class, where it comes from', { defaultClassFrom: 'metadata' }],
  ])('of a context covers its %s', (_what, change) => {
    expect(contextId({ ...context2, ...change })).not.toBe(contextId(context2));
  });
});
