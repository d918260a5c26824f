import { UnsupportedMediaTypeException } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DomainError } from '../errors/domain-error.js';
import { toDomainError } from '../errors/to-domain-error.js';
import { ProblemFilter } from '../errors/problem.filter.js';
import { decorateWithBodyHash, keepBodyHash } from './body-hash.js';
import { answerClientError } from './client-errors.js';
import { parseJson } from './json-body.js';
import { requestId } from './request-context.js';
import { DEFAULT_BODY_LIMIT_BYTES } from './route-settings.js';

/** Longer than a cloud load balancer keeps a connection (60 s), which must be the one to close it. */
const KEEP_ALIVE_TIMEOUT_MS = 72_000;

/** A client that sends more slowly would hold a place among the large batches for nothing. */
const REQUEST_TIMEOUT_MS = 60_000;
/** Node.js looks every 30 s by itself, and the limit would be 90 s. */
const TIMEOUT_CHECK_MS = 1000;

/** Fastify as this service uses it: JSON bodies, or lines of JSON where a route takes those, request ids, limits, and errors as problem documents. */
export function createAdapter(): FastifyAdapter {
  const problems = new ProblemFilter();
  const adapter = new FastifyAdapter({
    bodyLimit: DEFAULT_BODY_LIMIT_BYTES,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    http: { connectionsCheckingInterval: TIMEOUT_CHECK_MS },
    requestIdHeader: false,
    genReqId: requestId,
    // While it shuts down the service answers what reaches it; see Shutdown.
    return503OnClosing: false,
    clientErrorHandler: answerClientError,
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => {
      // No hook has run for these.
      request.server.follow(request, reply);
      void reply.header('X-Request-Id', request.id);
      problems.send(toDomainError(error), request, reply);
    },
  });
  const fastify = adapter.getInstance();
  decorateWithBodyHash(fastify);
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    if (isCompressed(request)) return done(compressed());
    keepBodyHash(request, body);
    const { rawBody, optionalBody, lines } = request.routeOptions.config;
    if (lines) return done(new UnsupportedMediaTypeException());
    if (rawBody) return done(null, body);
    if (optionalBody && body.byteLength === 0) return done(null, undefined);
    try {
      done(null, parseJson(body));
    } catch (error) {
      done(error as Error);
    }
  });
  fastify.addContentTypeParser('application/x-ndjson', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    if (isCompressed(request)) return done(compressed());
    if (request.routeOptions.config.lines) done(null, body);
    else done(new UnsupportedMediaTypeException());
  });
  return adapter;
}

const isCompressed = ({ headers }: FastifyRequest): boolean =>
  (headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity';

const compressed = () =>
  new DomainError('UNSUPPORTED_MEDIA_TYPE', {
    detail: 'Compressed bodies are not taken. Send the body as it is, without the header Content-Encoding.',
  });
