import { describe, expect, it } from '@jest/globals';
import { domainErrorOf } from '../../../test/support/domain-error-of.js';
import { idempotencyKey } from './idempotency-key.js';

describe('idempotencyKey', () => {
  it.each(['8e03978e-40d5-43e8-bc93-6894a57f9324', '"quoted"', '!', '~'.repeat(255)])('takes %s as it is', (header) => {
    expect(idempotencyKey(header)).toBe(header);
  });

  it.each([
    ['nothing', ''],
    ['a space', 'a b'],
    ['what two headers are joined to', 'a, b'],
    ['letters beyond ASCII', 'schlüssel'],
    ['control characters', 'a\u007f'],
    ['more than 255 characters', 'a'.repeat(256)],
    ['a list', ['a']],
  ])('refuses %s without repeating it', (_what, header) => {
    expect(domainErrorOf(() => idempotencyKey(header))).toMatchObject({
      code: 'INVALID_REQUEST',
      message: 'Idempotency-Key must have 1 to 255 visible ASCII characters, without spaces, and be sent once.',
    });
  });
});
