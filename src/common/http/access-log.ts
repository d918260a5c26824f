import { Injectable, Logger } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { CONNECTION_ENDED } from './follow-requests.js';
import { requestContext } from './request-context.js';

/**
 * One line per request: failures of the service at `error`, refusals at `log`, the rest at `debug`. Successful
 * requests are counted by the metrics, and a line for each would cost more than the prediction.
 */
@Injectable()
export class AccessLog {
  private readonly logger = new Logger(AccessLog.name);

  tell(request: FastifyRequest, status: number, durationMs: number): void {
    const level = status >= 500 ? 'error' : status >= 400 ? 'log' : 'debug';
    if (!Logger.isLevelEnabled(level)) return;
    const message =
      status === CONNECTION_ENDED ? 'The connection ended before the answer was sent' : 'Request answered';
    this.logger[level](message, {
      ...requestContext(request),
      httpStatus: status,
      durationMs: Math.round(durationMs * 100) / 100,
    });
  }
}
