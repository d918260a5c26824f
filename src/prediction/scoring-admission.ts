import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { Injectable, Logger } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { InjectMetric } from '@willsoto/nestjs-prometheus';
import type { Counter } from 'prom-client';
import { DomainError } from '../common/errors/domain-error.js';
import { ERROR_CODES } from '../common/errors/error-codes.js';
import { PROBLEM_MEDIA_TYPE, toProblem } from '../common/errors/problem.js';
import { requestId } from '../common/http/request-context.js';
import { startAtZero } from '../common/metrics/start-at-zero.js';
import { EventLoop } from '../common/overload/event-loop.js';
import { Overload, RETRY_AFTER_SECONDS, SHED_REASONS, type ShedReason } from '../common/overload/overload.js';
import { Shutdown } from '../common/shutdown/shutdown.js';
import type { Env } from '../config/env.schema.js';
import { HttpMetrics } from '../metrics/http-metrics.js';
import { isLarge } from './batch/batch-size.js';

/** A line for each would make an overload worse. */
const TELL_EVERY_MS = 1000;
/** Of a body, what costs the event loop as much as a single row: a batch of 64 rows is as much work as nine of them. */
const BYTES_A_PLACE = 400;
const BATCH_ROUTE = '/predict/batch';
const SCORING_ROUTES: ReadonlySet<string | undefined> = new Set(['/predict', BATCH_ROUTE]);
/** For requests that name their path alone. */
const BASE = 'http://service';

const overloaded = new DomainError('OVERLOADED', {
  detail: 'More requests arrive than this instance can answer in time. Try again, or run more replicas.',
  retryAfterSeconds: RETRY_AFTER_SECONDS,
});

/**
 * Refuses requests to score beyond what can be answered in time, before Fastify sees them: under an overload nearly all the
 * service does is refuse, so that must cost a fraction of an answer. Probes, metrics and operators' requests always pass.
 */
@Injectable()
export class ScoringAdmission {
  private readonly logger = new Logger(ScoringAdmission.name);
  private readonly eventLoop = new EventLoop();
  private readonly overload: Overload;
  private inFlight = 0;
  private untold = 0;

  constructor(
    config: ConfigService<Env, true>,
    private readonly httpMetrics: HttpMetrics,
    private readonly shutdown: Shutdown,
    @InjectMetric('requests_shed_total') private readonly shed: Counter,
  ) {
    startAtZero(shed, 'reason', SHED_REASONS);
    this.overload = new Overload(
      config.get('MAX_REQUESTS_IN_FLIGHT', { infer: true }),
      config.get('MAX_EVENT_LOOP_DELAY_MS', { infer: true }),
    );
  }

  /** Puts itself between the server and what answers its requests. */
  guard(server: Server): void {
    const listeners = server.listeners('request') as RequestListener[];
    server.removeAllListeners('request');
    server.on('request', (request, response) => {
      const route = scoringRoute(request);
      if (route !== undefined && !this.admits(route, request, response)) return;
      for (const answer of listeners) answer.call(server, request, response);
    });
  }

  private admits(route: string, request: IncomingMessage, response: ServerResponse): boolean {
    const weight = weightOf(route, request);
    const reason = this.overload.refuses(this.inFlight, weight, this.eventLoop.look());
    if (reason) {
      this.refuse(route, request, response, reason);
      return false;
    }
    let places = 0;
    // Until its body is there it costs nothing: clients that are slow to send one, or never do, keep nobody out. What is
    // refused for its headers is answered before.
    request.on('end', () => {
      if (!response.closed) this.inFlight += places = weight;
    });
    // Comes once, also when the client goes away before the reply.
    response.on('close', () => (this.inFlight -= places));
    return true;
  }

  private refuse(route: string, request: IncomingMessage, response: ServerResponse, reason: ShedReason): void {
    const id = requestId(request);
    const { status } = ERROR_CODES[overloaded.code];
    const body = JSON.stringify(toProblem(overloaded, id));
    response.writeHead(status, {
      'Content-Type': PROBLEM_MEDIA_TYPE,
      'Content-Length': Buffer.byteLength(body),
      'Retry-After': RETRY_AFTER_SECONDS,
      'X-Request-Id': id,
      ...(this.shutdown.isBegun && { Connection: 'close' }),
    });
    response.end(body);
    this.shed.inc({ reason });
    this.httpMetrics.count(request.method!, route, status, 0);
    this.tell(reason);
  }

  private tell(reason: ShedReason): void {
    if (this.untold++ > 0) return;
    setTimeout(() => {
      this.logger.warn('Requests were refused, since more arrive than can be answered in time', {
        count: this.untold,
        lastReason: reason,
      });
      this.untold = 0;
    }, TELL_EVERY_MS).unref();
  }
}

/** The route that a request will reach, if that scores: also by a path with a query, in escapes or after a host. */
function scoringRoute({ method, url }: IncomingMessage): string | undefined {
  if (SCORING_ROUTES.has(url)) return url;
  if (method !== 'POST') return undefined;
  try {
    const path = decodeURI(new URL(url!, BASE).pathname);
    return SCORING_ROUTES.has(path) ? path : undefined;
  } catch {
    // No route has such a path.
    return undefined;
  }
}

/** What a request costs the event loop, in refusals. Most of what a large batch costs, it costs a worker thread. */
function weightOf(route: string, { headers }: IncomingMessage): number {
  const bytes = Number(headers['content-length'] ?? 0);
  return route === BATCH_ROUTE && isLarge(bytes) ? 1 : 1 + Math.trunc(bytes / BYTES_A_PLACE);
}
