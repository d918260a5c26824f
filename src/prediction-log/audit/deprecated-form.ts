import type { FastifyReply } from 'fastify';
import { headerReferences } from '../../openapi/response-headers.js';

/** 2026-12-01: since then a reference belongs into a body. */
const DEPRECATED_AT = new Date('2026-12-01T00:00:00Z');
const GONE_AT = new Date('2027-06-01T00:00:00Z');

const NAMES = ['Deprecation', 'Sunset', 'Link'] as const;

/** Of answers to requests that have a reference in their URL. */
export const DEPRECATION_HEADERS = headerReferences(NAMES);

/**
 * Tells a client whose URL has a reference which route takes it in a body (RFC 9745, RFC 8594).
 *
 * @param successor path of that route
 */
export function markDeprecated(reply: FastifyReply, successor: string): void {
  void reply.headers({
    Deprecation: `@${DEPRECATED_AT.getTime() / 1000}`,
    Sunset: GONE_AT.toUTCString(),
    Link: `<${successor}>; rel="successor-version"`,
  });
}
