import { describe, expect, it } from '@jest/globals';
import type { FastifyRequest } from 'fastify';
import { requestContext, requestId, traceId } from './request-context.js';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

const withRequestId = (id?: string | string[]) =>
  requestId({ headers: id === undefined ? {} : { 'x-request-id': id } });

describe('requestId', () => {
  it.each(['abc', '01968b2e-7c1f-7d3a-9b64-3f1f0a5c2d10', 'a.b:c_d-e', 'x'.repeat(128)])('takes %s', (id) => {
    expect(withRequestId(id)).toBe(id);
  });

  it.each([
    ['none', undefined],
    ['an empty one', ''],
    ['one with a space', 'a b'],
    ['one with a line break', 'a\nb'],
    ['one with quotes', '"a"'],
    ['one that is not ASCII', 'ä'],
    ['one of 129 characters', 'x'.repeat(129)],
    ['several', ['a', 'b']],
  ])('makes a new UUID v7 for %s', (_what, id) => {
    expect(withRequestId(id)).toMatch(UUID_V7);
  });

  it('makes each one once', () => {
    expect(withRequestId()).not.toBe(withRequestId());
  });
});

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';

const traceOf = (traceparent: string) => traceId({ headers: { traceparent } } as unknown as FastifyRequest);

describe('traceId', () => {
  it.each([
    ['of version 00', `00-${TRACE}-${PARENT}-01`],
    ['of a later version, which may append fields', `01-${TRACE}-${PARENT}-01-more`],
  ])('is taken from a traceparent %s', (_what, traceparent) => {
    expect(traceOf(traceparent)).toBe(TRACE);
  });

  it.each([
    ['of the forbidden version', `ff-${TRACE}-${PARENT}-01`],
    ['with a trace of zeros', `00-${'0'.repeat(32)}-${PARENT}-01`],
    ['with a parent of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['in capitals', `00-${TRACE.toUpperCase()}-${PARENT}-01`],
    ['that is too short', `00-${TRACE.slice(1)}-${PARENT}-01`],
    ['that goes on after the flags', `00-${TRACE}-${PARENT}-01x`],
    ['that is something else', 'drop table'],
  ])('ignores a traceparent %s', (_what, traceparent) => {
    expect(traceOf(traceparent)).toBeUndefined();
  });
});

describe('requestContext', () => {
  it('holds the route template and no path, query or header', () => {
    const request = {
      id: 'id-1',
      method: 'GET',
      url: '/things/s3cr3t-marker?q=s3cr3t-marker',
      headers: { authorization: 's3cr3t-marker', traceparent: `00-${TRACE}-${PARENT}-01` },
      routeOptions: { url: '/things/:id' },
    } as unknown as FastifyRequest;
    expect(requestContext(request)).toEqual({ requestId: 'id-1', traceId: TRACE, method: 'GET', route: '/things/:id' });
  });

  it("says 'unmatched' for a path without a route, so that labels stay bounded", () => {
    const request = { headers: {}, routeOptions: {} } as unknown as FastifyRequest;
    expect(requestContext(request).route).toBe('unmatched');
  });
});
