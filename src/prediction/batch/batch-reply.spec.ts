import { describe, expect, it } from '@jest/globals';
import { domainErrorOf } from '../../../test/support/domain-error-of.js';
import { servedModel } from '../../../test/support/served-model.js';
import type { FeatureWarning } from '../feature-encoder.js';
import { BATCH_REPLY_FORMAT, batchReply, rewriteBatchReply } from './batch-reply.js';

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

describe('rewriteBatchReply', () => {
  const probabilities = Float32Array.of(0, 0.1, 0.5, 1);
  const warnings = new Map([[2, [{ feature: 'Zoë "limit"', code: 'OUT_OF_RANGE' as const }]]]);
  const { body, ids } = batchReply(probabilities, model, warnings);
  const { alias, digest, name, version } = model.ref;
  const recorded = {
    format: BATCH_REPLY_FORMAT,
    threshold: model.threshold,
    model: { alias, digest, name, version },
    ids: ids(),
    probabilities,
    warnings,
  };

  it('writes what was sent, byte for byte', () => {
    expect(rewriteBatchReply(recorded).toString()).toBe(body.toString());
  });

  it('writes format 1 as every release does that knows it', () => {
    const id = '01a20b55-1529-7254-9ad5-d5bfe1ac13a4';
    const batch = { ...recorded, format: 1, threshold: 0.2, ids: [id], probabilities: Float32Array.of(0.1) };
    const text = rewriteBatchReply({
      ...batch,
      model: { name: 'm', version: '7', alias: null, digest: 'd' },
      warnings: new Map([[0, [{ feature: 'age', code: 'OUT_OF_RANGE' }]]]),
    }).toString();
    expect(text).toBe(
      `{"predictions":[{"id":"${id}","prediction":0,"probability":0.10000000149011612,` +
        '"warnings":[{"feature":"age","code":"OUT_OF_RANGE"}]}],' +
        '"threshold":0.2,"model":{"name":"m","version":"7","alias":null,"digest":"d"}}',
    );
  });

  it('leaves what a newer release sent to that', () => {
    const newer = { ...recorded, format: BATCH_REPLY_FORMAT + 1 };
    expect(domainErrorOf(() => rewriteBatchReply(newer))).toMatchObject({ code: 'PREDICTION_LOG_UNAVAILABLE' });
  });
});
