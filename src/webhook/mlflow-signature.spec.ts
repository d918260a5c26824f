import { describe, expect, it } from '@jest/globals';
import { type SignedDelivery, verifyDelivery } from './mlflow-signature.js';

/** A delivery that MLflow 3.17.2 signed with this secret. */
const SECRET = 's3cr3t';
const DELIVERY: SignedDelivery = {
  id: '273a7e00-9c87-40ae-916f-74911c43bbb9',
  timestamp: '1795446751',
  signature: 'v1,GI7TbvesUzOYnG967oWzlBotSla8WaJBW0Cj/HCAelM=',
  body: Buffer.from(
    '{"entity": "model_version_alias", "action": "created", "timestamp": "2026-11-23T15:12:31.341958+00:00", ' +
      '"data": {"name": "example_model", "alias": "example_alias", "version": "1"}}',
  ),
};
const SENT_AT_MS = 1_795_446_751_000;

const verdict = (changes: Partial<SignedDelivery> = {}, { secret = SECRET, nowMs = SENT_AT_MS } = {}) =>
  verifyDelivery({ ...DELIVERY, ...changes }, secret, nowMs);

describe('verifyDelivery', () => {
  it('recognises what MLflow signed', () => {
    expect(verdict()).toBe('authentic');
  });

  it.each<[string, Partial<SignedDelivery>]>([
    ['body', { body: Buffer.from(DELIVERY.body.toString().replace('"1"', '"2"')) }],
    ['spacing of the body', { body: Buffer.from(JSON.stringify(JSON.parse(DELIVERY.body.toString()))) }],
    ['id', { id: '273a7e00-9c87-40ae-916f-74911c43bbb8' }],
    ['timestamp', { timestamp: '1795446752' }],
    ['signature', { signature: 'v1,HI7TbvesUzOYnG967oWzlBotSla8WaJBW0Cj/HCAelM=' }],
    ['length of the signature', { signature: 'v1,GI7Tbves' }],
    ['scheme of the signature', { signature: DELIVERY.signature.replace('v1', 'v2') }],
  ])('takes a delivery with another %s for forged', (_what, changes) => {
    expect(verdict(changes)).toBe('forged');
  });

  it.each(['', 'v1', 'v1,', ',', 'GI7TbvesUzOYnG967oWzlBotSla8WaJBW0Cj/HCAelM='])(
    'takes the signature "%s" for forged',
    (signature) => {
      expect(verdict({ signature })).toBe('forged');
    },
  );

  it('takes a delivery that another secret signed for forged', () => {
    expect(verdict({}, { secret: 's3cr3t ' })).toBe('forged');
  });

  it.each([
    [-300_001, 'stale'],
    [-300_000, 'authentic'],
    [300_000, 'authentic'],
    [300_001, 'stale'],
  ])('calls a delivery that arrives %i ms after it was sent %s', (ageMs, expected) => {
    expect(verdict({}, { nowMs: SENT_AT_MS + ageMs })).toBe(expected);
  });
});
