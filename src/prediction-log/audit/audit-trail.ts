import { Injectable, Logger } from '@nestjs/common';
import { InjectMetric, makeCounterProvider } from '@willsoto/nestjs-prometheus';
import type { FastifyRequest } from 'fastify';
import type { Counter } from 'prom-client';
import { requestContext } from '../../common/http/request-context.js';
import { RequestOrigin } from '../request-origin.js';

export const auditMetricProviders = [
  makeCounterProvider({
    name: 'audit_requests_total',
    help: 'Requests to /predictions with the right token.',
    labelNames: ['operation'],
  }),
  makeCounterProvider({
    name: 'audit_auth_failures_total',
    help: 'Requests to /predictions without the right token.',
  }),
];

/** As in the OpenAPI document. */
export type AuditOperation =
  | 'getPrediction'
  | 'listPredictions'
  | 'searchPredictions'
  | 'replayPrediction'
  | 'recordOutcome'
  | 'recordOutcomes'
  | 'eraseReference'
  | 'erasePredictions';

/** Who looked at which record, in the log stream. References stay out of it: they say whose record it is. */
@Injectable()
export class AuditTrail {
  private readonly logger = new Logger(AuditTrail.name);

  constructor(
    private readonly origin: RequestOrigin,
    @InjectMetric('audit_requests_total') private readonly requests: Counter,
  ) {}

  /** Before the request is carried out, so that one that fails is known as well. */
  note(request: FastifyRequest, operation: AuditOperation, predictionId?: string): void {
    this.requests.inc({ operation });
    const caller = this.origin.callerOf(request) ?? undefined;
    this.logger.log('Prediction records are asked for', {
      ...requestContext(request),
      operation,
      predictionId,
      caller,
    });
  }
}
