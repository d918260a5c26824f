import type { Socket } from 'node:net';
import { Injectable } from '@nestjs/common';
import {
  InjectMetric,
  makeCounterProvider,
  makeGaugeProvider,
  makeHistogramProvider,
} from '@willsoto/nestjs-prometheus';
import type { FastifyInstance } from 'fastify';
import type { Counter, Gauge, Histogram } from 'prom-client';
import { readAtScrape } from '../common/metrics/read-at-scrape.js';
import { ERROR_CODES } from '../common/errors/error-codes.js';
import { toClientError, wasUnreadable } from '../common/http/client-errors.js';
import { UNMATCHED } from '../common/http/request-context.js';

const LABELS = ['method', 'route', 'status'];

export const httpMetricProviders = [
  makeCounterProvider({
    name: 'http_requests_total',
    help: 'Requests that have ended: answered, or, with status 499, whose connection ended before that.',
    labelNames: LABELS,
  }),
  makeHistogramProvider({
    name: 'http_request_duration_seconds',
    help: 'Time from the request line to the end of the reply.',
    labelNames: LABELS,
    buckets: [0.5e-3, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 500e-3, 1, 2.5, 5],
  }),
  makeGaugeProvider({ name: 'http_requests_in_flight', help: 'Requests that are being received or answered.' }),
  makeCounterProvider({
    name: 'requests_shed_total',
    help: 'Requests refused because the service was busy.',
    labelNames: ['reason'],
  }),
];

@Injectable()
export class HttpMetrics {
  private underWay = 0;

  constructor(
    @InjectMetric('http_requests_total') private readonly requests: Counter,
    @InjectMetric('http_request_duration_seconds') private readonly duration: Histogram,
    @InjectMetric('http_requests_in_flight') inFlight: Gauge,
  ) {
    readAtScrape(inFlight, () => this.underWay);
  }

  observe(fastify: FastifyInstance): void {
    // Answered by Fastify's listener, which was there before.
    fastify.server.on('clientError', (error: Error, socket: Socket) => {
      if (wasUnreadable(socket)) this.countUnread(error);
    });
  }

  began(): void {
    this.underWay++;
  }

  closed(): void {
    this.underWay--;
  }

  count(method: string, route: string, status: number, durationMs: number): void {
    const labels = { method, route, status: String(status) };
    this.requests.inc(labels);
    this.duration.observe(labels, durationMs / 1000);
  }

  private countUnread(error: Error): void {
    const { status } = ERROR_CODES[toClientError(error).code];
    this.count('unread', UNMATCHED, status, 0);
  }
}
