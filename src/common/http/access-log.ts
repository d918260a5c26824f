import { Injectable, Logger } from '@nestjs/common';
import type { FastifyInstance } from 'fastify';
import { requestContext } from './request-context.js';

/**
 * One line per request: failures of the service at `error`, refusals at `log`, the rest at `debug`. Successful
 * requests are counted by the metrics, and a line for each would cost more than the prediction.
 */
@Injectable()
export class AccessLog {
  private readonly logger = new Logger(AccessLog.name);

  observe(fastify: FastifyInstance): void {
    fastify.addHook('onResponse', (request, reply, done) => {
      const status = reply.statusCode;
      const level = status >= 500 ? 'error' : status >= 400 ? 'log' : 'debug';
      if (Logger.isLevelEnabled(level)) {
        this.logger[level]('Request answered', {
          ...requestContext(request),
          httpStatus: status,
          durationMs: Math.round(reply.elapsedTime * 100) / 100,
        });
      }
      done();
    });
  }
}
