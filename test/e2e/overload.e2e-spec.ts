import http from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import request from 'supertest';
import { eventually } from '../support/eventually.js';
import { fixtureModel } from '../support/fixture-models.js';
import { expectDocumentedProblem } from '../support/problems.js';
import { samplesOf } from '../support/metric-samples.js';
import { startTestApp } from '../support/test-app.js';

const BODY = JSON.stringify({ data: { features: [50, 0.5, 1] } });

let app: NestFastifyApplication;

beforeEach(async () => {
  app = await startTestApp({ MODEL_URI: fixtureModel('lightgbm-small'), MAX_REQUESTS_IN_FLIGHT: '1' });
  await app.listen(0, '127.0.0.1');
});
afterEach(() => app.close());

const predict = () => request(app.getHttpServer()).post('/predict').type('json').send(BODY);

/** A request that is in flight until it is finished or destroyed. */
async function unfinishedRequest(): Promise<http.ClientRequest> {
  const { port } = app.getHttpServer().address() as { port: number };
  const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(BODY) };
  const unfinished = http.request({ port, path: '/predict', method: 'POST', headers, agent: false });
  unfinished.on('error', () => undefined).write(BODY.slice(0, 10));
  await eventually(async () => expect((await samplesOf('http_requests_in_flight'))[0]!.value).toBe(1));
  return unfinished;
}

const statusOf = (unfinished: http.ClientRequest) =>
  new Promise((resolve) => unfinished.once('response', (response) => resolve(response.resume().statusCode)));

describe('more requests in flight than MAX_REQUESTS_IN_FLIGHT', () => {
  it.each(['POST /predict', 'POST /predict/batch'] as const)(
    'refuses %s at once, and says when to come back',
    async (route) => {
      const unfinished = await unfinishedRequest();
      const refused = await request(app.getHttpServer()).post(route.slice('POST '.length)).type('json').send(BODY);
      expectDocumentedProblem(route, refused, 'OVERLOADED');
      expect(refused.headers['retry-after']).toBe('1');
      unfinished.destroy();
    },
  );

  it.each(['/predict?a=b', '/%70redict', '/predict/%62atch?a', 'http://elsewhere/predict'])(
    'refuses POST %s, which is the same route',
    async (path) => {
      const unfinished = await unfinishedRequest();
      const { port } = app.getHttpServer().address() as { port: number };
      const refused = http.request({ port, path, method: 'POST', agent: false });
      refused.setHeader('Content-Type', 'application/json').end(BODY);
      expect(await statusOf(refused)).toBe(503);
      unfinished.destroy();
    },
  );

  it('answers the one in flight, and then others again', async () => {
    const unfinished = await unfinishedRequest();
    expect((await predict()).status).toBe(503);
    const status = statusOf(unfinished);
    unfinished.end(BODY.slice(10));
    expect(await status).toBe(200);
    await eventually(async () => expect((await predict()).status).toBe(200));
  });

  it('takes the places of a large body once that has come: announcing one costs nothing', async () => {
    await app.close();
    app = await startTestApp({ MODEL_URI: fixtureModel('lightgbm-small'), MAX_REQUESTS_IN_FLIGHT: '3' });
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as { port: number };
    const headers = { 'Content-Type': 'application/json', 'Content-Length': 16_000 };
    const unfinished = http.request({ port, path: '/predict', method: 'POST', headers, agent: false });
    unfinished.on('error', () => undefined).write(' ');
    await eventually(async () => expect((await samplesOf('http_requests_in_flight'))[0]!.value).toBe(1));
    expect((await predict()).status).toBe(200);
    unfinished.destroy();
  });

  it('counts a request as ended when its client goes away', async () => {
    (await unfinishedRequest()).destroy();
    await eventually(async () => expect((await predict()).status).toBe(200));
  });

  it('refuses neither probes nor metrics', async () => {
    const unfinished = await unfinishedRequest();
    for (const path of ['/health/live', '/health/ready', '/metrics', '/meta']) {
      expect((await request(app.getHttpServer()).get(path)).status).toBe(200);
    }
    unfinished.destroy();
  });

  it('counts what it refuses, by reason and as answered', async () => {
    const unfinished = await unfinishedRequest();
    await predict();
    await predict();
    expect(await samplesOf('requests_shed_total')).toContainEqual(
      expect.objectContaining({ labels: { reason: 'in_flight' }, value: 2 }),
    );
    expect(await samplesOf('http_requests_total')).toContainEqual(
      expect.objectContaining({ labels: { method: 'POST', route: '/predict', status: '503' }, value: 2 }),
    );
    unfinished.destroy();
  });

  it('returns the request id of a refused request', async () => {
    const unfinished = await unfinishedRequest();
    const refused = await predict().set('X-Request-Id', 'mine-1');
    expect(refused.headers['x-request-id']).toBe('mine-1');
    unfinished.destroy();
  });
});
