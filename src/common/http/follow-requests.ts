import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { wasUnreadable } from './client-errors.js';

declare module 'fastify' {
  interface FastifyInstance {
    /** For requests that Fastify refuses before any hook. */
    follow(request: FastifyRequest, reply: FastifyReply): void;
  }
}

/** In the place of a status, where the connection ended before the answer was sent; nginx has it so. */
export const CONNECTION_ENDED = 499;

/** @param status of the answer, or {@link CONNECTION_ENDED} */
export type RequestEnded = (request: FastifyRequest, status: number, durationMs: number) => void;

/**
 * Calls `ended` for every request that has ended. Fastify's own hooks do not come for all: `onResponse` for those alone that
 * were answered, and `onRequestAbort`, of the others, for those alone whose body broke off.
 */
export function followRequests(fastify: FastifyInstance, ended: RequestEnded): void {
  const follow = (request: FastifyRequest, { raw: response }: FastifyReply) => {
    const startedAt = performance.now();
    // Comes once, whatever becomes of the request.
    response.on('close', () => {
      const durationMs = performance.now() - startedAt;
      if (response.writableFinished) ended(request, response.statusCode, durationMs);
      // What broke off otherwise was answered, and is counted, as unread.
      else if (!wasUnreadable(request.raw.socket)) ended(request, CONNECTION_ENDED, durationMs);
    });
  };
  fastify.decorate('follow', follow);
  fastify.addHook('onRequest', (request, reply, done) => {
    follow(request, reply);
    done();
  });
}
