import { describe, expect, it } from '@jest/globals';
import type { FastifyRequest } from 'fastify';
import { testConfig } from '../../../test/support/test-config.js';
import { ClientAddress } from './client-address.js';

/** What TRUST_PROXY makes of a request from `peer`, with what X-Forwarded-For says, the nearest hop last. */
function addressOf(TRUST_PROXY: string, peer: string, forwardedFor?: string): string {
  const headers = forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor };
  const raw = { headers, socket: { remoteAddress: peer } };
  return new ClientAddress(testConfig({ TRUST_PROXY })).of({ raw } as unknown as FastifyRequest);
}

describe('ClientAddress', () => {
  it.each([
    ['false', 'ignores the header, which anybody can send', '10.0.0.1'],
    ['0', 'trusts no hop', '10.0.0.1'],
    ['1', 'trusts the peer', '192.0.2.7'],
    ['2', 'trusts the peer and one hop before', '198.51.100.9'],
    ['true', 'trusts every hop', '198.51.100.9'],
    ['10.0.0.1', 'trusts an address', '192.0.2.7'],
    ['10.0.0.0/8', 'trusts a range', '192.0.2.7'],
    ['10.0.0.0/8, 192.0.2.0/24', 'trusts several ranges', '198.51.100.9'],
    ['loopback, 172.16.0.0/12', 'does not trust a peer outside the ranges', '10.0.0.1'],
  ])('with TRUST_PROXY=%s %s', (trust, _what, expected) => {
    expect(addressOf(trust, '10.0.0.1', '198.51.100.9, 192.0.2.7')).toBe(expected);
  });

  it('is the peer where the header does not hold an address', () => {
    expect(addressOf('true', '10.0.0.1', 'x'.repeat(5000))).toBe('10.0.0.1');
  });

  it.each(['true', 'false', '1', '10.0.0.0/8'])('with TRUST_PROXY=%s is the peer when there is no header', (trust) => {
    expect(addressOf(trust, '10.0.0.1')).toBe('10.0.0.1');
  });

  it.each(['everybody', '10.0.0.0/99', '10.0.0.1,'])('refuses TRUST_PROXY=%s, and says what is allowed', (trust) => {
    expect(() => addressOf(trust, '10.0.0.1')).toThrow(
      'TRUST_PROXY must be true, false, a number of hops, or addresses and CIDR ranges.',
    );
  });
});
