import { DomainError } from '../../common/errors/domain-error.js';

const KEY = /^[\x21-\x7e]{1,255}$/;

/**
 * @param header as Node.js has it: a header that was sent twice is one text, joined by a comma and a space
 * @throws DomainError INVALID_REQUEST
 */
export function idempotencyKey(header: string | readonly string[]): string {
  if (typeof header === 'string' && KEY.test(header)) return header;
  throw new DomainError('INVALID_REQUEST', {
    detail: 'Idempotency-Key must have 1 to 255 visible ASCII characters, without spaces, and be sent once.',
  });
}
