import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AccessLog } from './common/http/access-log.js';
import { collectRoutes } from './common/http/allowed-methods.js';
import { freeChunks } from './common/http/free-bytes.js';
import { followRequests } from './common/http/follow-requests.js';
import { routeTemplate } from './common/http/request-context.js';
import { Shutdown } from './common/shutdown/shutdown.js';
import { HttpMetrics } from './metrics/http-metrics.js';
import { serveOpenApi } from './openapi/openapi-document.js';
import { BatchAdmission } from './prediction/batch/batch-admission.js';
import { PredictionController } from './prediction/prediction.controller.js';
import { ScoringAdmission } from './prediction/scoring-admission.js';

/** Everything that must be on the Fastify instance before Nest registers its routes. */
export function configureApp(app: NestFastifyApplication): NestFastifyApplication {
  const fastify = app.getHttpAdapter().getInstance();
  const batchAdmission = app.get(BatchAdmission);
  const scoring = app.get(PredictionController);
  const httpMetrics = app.get(HttpMetrics);
  const accessLog = app.get(AccessLog);

  collectRoutes(fastify);
  fastify.addHook('onRoute', (route) => {
    const { bodyLimitBytes, direct, largeBatches } = route.config ?? {};
    if (direct) route.handler = (request, reply) => scoring[direct](request, reply);
    if (bodyLimitBytes !== undefined) route.bodyLimit = bodyLimitBytes;
    if (largeBatches) {
      route.onRequest = batchAdmission.onRequest;
      route.preParsing = freeChunks;
    }
  });
  fastify.addHook('onRequest', (request, reply, done) => {
    // In lower case, as Fastify keeps it: another text would be converted for every request.
    void reply.header('x-request-id', request.id);
    done();
  });
  followRequests(fastify, {
    began: () => httpMetrics.began(),
    closed: () => httpMetrics.closed(),
    ended: (request, status, durationMs) => {
      httpMetrics.count(request.method, routeTemplate(request), status, durationMs);
      accessLog.tell(request, status, durationMs);
    },
  });
  app.get(Shutdown).observe(fastify);
  httpMetrics.observe(fastify);
  app.get(ScoringAdmission).guard(fastify.server);
  serveOpenApi(app);
  return app;
}
