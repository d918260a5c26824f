import type { Socket } from 'node:net';
import { Injectable } from '@nestjs/common';
import { InjectMetric, makeCounterProvider, makeGaugeProvider } from '@willsoto/nestjs-prometheus';
import type { FastifyInstance } from 'fastify';
import type { Counter, Gauge } from 'prom-client';
import { countAtScrape, readAtScrape } from '../common/metrics/read-at-scrape.js';
import {
  type HistogramSeries,
  makeSeriesHistogramProvider,
  type SeriesHistogram,
} from '../common/metrics/series-histogram.js';
import { ERROR_CODES } from '../common/errors/error-codes.js';
import { toClientError, wasUnreadable } from '../common/http/client-errors.js';
import { UNMATCHED } from '../common/http/request-context.js';

export const httpMetricProviders = [
  makeCounterProvider({
    name: 'http_requests_total',
    help: 'Requests that have ended: answered, or, with status 499, whose connection ended before that.',
    labelNames: ['method', 'route', 'status'],
  }),
  makeSeriesHistogramProvider({
    name: 'http_request_duration_seconds',
    help: 'Time from the request line to the end of the reply.',
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
  /** By route, method and status: Maps find it without a text being made of the three. */
  private readonly series = new Map<string, Map<string, Map<number, HistogramSeries>>>();

  constructor(
    @InjectMetric('http_requests_total') requests: Counter,
    @InjectMetric('http_request_duration_seconds') private readonly duration: SeriesHistogram,
    @InjectMetric('http_requests_in_flight') inFlight: Gauge,
  ) {
    countAtScrape(requests, () => duration.shown);
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
    const series = this.series.get(route)?.get(method)?.get(status) ?? this.addSeries(method, route, status);
    series.observe(durationMs / 1000);
  }

  private addSeries(method: string, route: string, status: number): HistogramSeries {
    const series = this.duration.series({ method, route, status: String(status) });
    const ofRoute = getOrSet(this.series, route);
    getOrSet(ofRoute, method).set(status, series);
    return series;
  }

  private countUnread(error: Error): void {
    const { status } = ERROR_CODES[toClientError(error).code];
    this.count('unread', UNMATCHED, status, 0);
  }
}

function getOrSet<K, L, W>(maps: Map<K, Map<L, W>>, key: K): Map<L, W> {
  const known = maps.get(key) ?? new Map<L, W>();
  maps.set(key, known);
  return known;
}
