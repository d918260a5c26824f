import { Catch, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { allowedMethods } from '../http/allowed-methods.js';
import { requestContext } from '../http/request-context.js';
import { DomainError } from './domain-error.js';
import { ERROR_CODES } from './error-codes.js';
import { PROBLEM_MEDIA_TYPE, toProblem } from './problem.js';
import { toDomainError } from './to-domain-error.js';

/** The one place where an error becomes a response. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger(ProblemFilter.name);

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.send(toDomainError(thrown), http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  /** Also called for what Fastify refuses before Nest sees it, such as a path that cannot be decoded. */
  send(error: DomainError, request: FastifyRequest, reply: FastifyReply): void {
    if (error.code === 'ROUTE_NOT_FOUND') {
      const methods = allowedMethods(request);
      if (methods.length > 0 && !methods.includes(request.method)) {
        void reply.header('Allow', methods.join(', '));
        error = new DomainError('METHOD_NOT_ALLOWED', { detail: `Use one of: ${methods.join(', ')}.` });
      }
    }
    if (error.code === 'INTERNAL_ERROR') {
      const stack = error.cause instanceof Error ? error.cause.stack : String(error.cause);
      this.logger.error('Request failed', { ...requestContext(request), stack });
    }
    // RFC 9110, section 15.5.2.
    if (error.code === 'UNAUTHORIZED') void reply.header('WWW-Authenticate', 'Bearer');
    if (error.retryAfterSeconds !== undefined) void reply.header('Retry-After', error.retryAfterSeconds);
    void reply.status(ERROR_CODES[error.code].status).type(PROBLEM_MEDIA_TYPE).send(toProblem(error, request.id));
  }
}
