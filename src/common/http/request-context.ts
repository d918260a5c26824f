import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { newId } from '../ids/new-id.js';

const SANE_REQUEST_ID = /^[\w.:-]{1,128}$/;

/** The caller's X-Request-Id where it is harmless in logs and headers, else a new UUID v7. */
export function requestId(request: Pick<IncomingMessage, 'headers'>): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && SANE_REQUEST_ID.test(given) ? given : newId();
}

/** version-traceid-parentid-flags: https://www.w3.org/TR/trace-context/#traceparent-header */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/;

export function traceId(request: FastifyRequest): string | undefined {
  const given = request.headers.traceparent;
  return typeof given === 'string' ? TRACEPARENT.exec(given)?.[1] : undefined;
}

/** In the place of a template, where no route was reached. */
export const UNMATCHED = 'unmatched';

/** The route's template (`/predictions/:id`), never the path itself: paths are unbounded and may hold identifiers. */
export const routeTemplate = (request: FastifyRequest): string => request.routeOptions.url ?? UNMATCHED;

/** What a log line says of a request. No body, no query string, no header values but the ids. */
export function requestContext(request: FastifyRequest): Record<string, string | undefined> {
  return {
    requestId: request.id,
    traceId: traceId(request),
    method: request.method,
    route: routeTemplate(request),
  };
}
