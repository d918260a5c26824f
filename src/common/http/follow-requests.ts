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

/** What is told of every request. */
export interface RequestObserver {
  began(): void;
  /** The request has ended, however it did. */
  closed(): void;
  /** @param status of the answer, or {@link CONNECTION_ENDED}; what was answered as unreadable is not told here */
  ended(request: FastifyRequest, status: number, durationMs: number): void;
}

/**
 * Tells of the life of every request. Fastify's own hooks do not come for all: `onResponse` for those alone that were
 * answered, and `onRequestAbort`, of the others, for those alone whose body broke off.
 */
export function followRequests(fastify: FastifyInstance, observer: RequestObserver): void {
  const follow = (request: FastifyRequest, { raw: response }: FastifyReply) => {
    const startedAt = performance.now();
    observer.began();
    // Comes once, whatever becomes of the request.
    response.on('close', () => {
      observer.closed();
      const durationMs = performance.now() - startedAt;
      if (response.writableFinished) observer.ended(request, response.statusCode, durationMs);
      // What broke off otherwise was answered, and is counted, as unread.
      else if (!wasUnreadable(request.raw.socket)) observer.ended(request, CONNECTION_ENDED, durationMs);
    });
  };
  fastify.decorate('follow', follow);
  fastify.addHook('onRequest', (request, reply, done) => {
    follow(request, reply);
    done();
  });
}
