import { hash } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';

export const IDEMPOTENCY_KEY_HEADER = 'idempotency-key';

declare module 'fastify' {
  interface FastifyRequest {
    /** SHA-256 of the body's bytes, kept for a request with an Idempotency-Key; null for others and for no body. */
    bodyHash: Buffer | null;
  }
}

export function decorateWithBodyHash(fastify: FastifyInstance): void {
  fastify.decorateRequest('bodyHash', null);
}

/** To be called while the bytes are at hand; a parsed body has lost them. */
export function keepBodyHash(request: FastifyRequest, body: Uint8Array): void {
  if (request.headers[IDEMPOTENCY_KEY_HEADER] !== undefined) request.bodyHash = hash('sha256', body, 'buffer');
}
