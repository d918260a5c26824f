import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import request from 'supertest';
import { ActiveModel } from '../../src/model-registry/active-model.js';
import { eventually } from '../support/eventually.js';
import { fixtureModel } from '../support/fixture-models.js';
import { expectDocumentedProblem } from '../support/problems.js';
import { rawRequest } from '../support/raw-request.js';
import { samplesOf } from '../support/metric-samples.js';
import { startTestApp } from '../support/test-app.js';

const BODY = JSON.stringify({ data: { features: [50, 0.5, 1] } });

let app: NestFastifyApplication;

beforeEach(() => start('1'));
afterEach(() => app.close());

async function start(maxRequestsInFlight: string): Promise<void> {
  app = await startTestApp({ MODEL_URI: fixtureModel('lightgbm-small'), MAX_REQUESTS_IN_FLIGHT: maxRequestsInFlight });
  await app.listen(0, '127.0.0.1');
}

const port = () => (app.getHttpServer().address() as net.AddressInfo).port;

const predict = () => request(app.getHttpServer()).post('/predict').type('json').send(BODY);

/** A request of which the body is yet to be sent. */
function begunRequest(contentLength: number): http.ClientRequest {
  const headers = { 'Content-Type': 'application/json', 'Content-Length': contentLength };
  const begun = http.request({ port: port(), path: '/predict', method: 'POST', headers, agent: false });
  return begun.on('error', () => undefined);
}

/** A connection that the service has taken. */
async function openSocket(): Promise<net.Socket> {
  const socket = net.connect(port(), '127.0.0.1');
  socket.write('GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(socket, 'data');
  return socket;
}

/** No row is scored before `release`. */
function holdScores() {
  const { runner } = app.get(ActiveModel).current();
  const scoreRow = runner.scoreRow.bind(runner);
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const { promise: isHolding, resolve: hold } = Promise.withResolvers<void>();
  runner.scoreRow = async (row) => {
    hold();
    await released;
    return scoreRow(row);
  };
  return { isHolding, release };
}

/** Takes the place or places of its body, until it is released or its client goes away. */
async function requestInFlight(body = BODY) {
  const { isHolding, release } = holdScores();
  const held = begunRequest(body.length);
  held.end(body);
  await isHolding;
  const status = new Promise((resolve) => held.once('response', (response) => resolve(response.resume().statusCode)));
  return { status, release, destroy: () => held.destroy() };
}

/** Headers that announce a body of which a part comes. */
async function requestWithoutItsBody(bytes: number): Promise<http.ClientRequest> {
  const unfinished = begunRequest(bytes);
  unfinished.write(' ');
  await eventually(async () => expect((await samplesOf('http_requests_in_flight'))[0]!.value).toBe(1));
  return unfinished;
}

describe('more requests in flight than MAX_REQUESTS_IN_FLIGHT', () => {
  it.each(['POST /predict', 'POST /predict/batch'] as const)(
    'refuses %s at once, and says when to come back',
    async (route) => {
      const { destroy } = await requestInFlight();
      const refused = await request(app.getHttpServer()).post(route.slice('POST '.length)).type('json').send(BODY);
      expectDocumentedProblem(route, refused, 'OVERLOADED');
      expect(refused.headers['retry-after']).toBe('1');
      destroy();
    },
  );

  it.each(['/predict?a=b', '/%70redict', '/predict/%62atch?a', 'http://elsewhere/predict'])(
    'refuses POST %s, which is the same route',
    async (path) => {
      const { destroy } = await requestInFlight();
      const headers = { 'Content-Type': 'application/json', 'Content-Length': BODY.length };
      expect((await rawRequest(app, { method: 'POST', path, headers, body: [BODY] })).status).toBe(503);
      destroy();
    },
  );

  it('answers the one in flight, and then others again', async () => {
    const { status, release } = await requestInFlight();
    expect((await predict()).status).toBe(503);
    release();
    expect(await status).toBe(200);
    await eventually(async () => expect((await predict()).status).toBe(200));
  });

  it('refuses all but one of those that one turn of the event loop brings', async () => {
    const sockets = await Promise.all(Array.from({ length: 20 }, openSocket));
    const { isHolding, release } = holdScores();
    const head = `POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}`;
    for (const socket of sockets) socket.write(`${head}\r\n\r\n${BODY}`);
    const statuses = sockets.map(async (socket) => String(await once(socket, 'data')).split(' ')[1]);
    await isHolding;
    await predict();
    release();
    expect((await Promise.all(statuses)).filter((status) => status !== '503')).toEqual(['200']);
    for (const socket of sockets) socket.destroy();
  });

  it.each([
    ['a small', BODY.length],
    ['a large', 16_000],
  ])('takes places once a body has come: announcing %s one keeps nobody out', async (_, bytes) => {
    const unfinished = await requestWithoutItsBody(bytes);
    expect((await predict()).status).toBe(200);
    unfinished.destroy();
  });

  it('takes no place for a body that comes after its answer', async () => {
    const socket = await openSocket();
    const head = 'POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain';
    socket.write(`${head}\r\nContent-Length: ${BODY.length}\r\n\r\n`);
    expect(String(await once(socket, 'data'))).toMatch(/^HTTP\/1.1 415 /);
    socket.write(`${BODY}GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n`);
    expect(String(await once(socket, 'data'))).toMatch(/^HTTP\/1.1 200 /);
    expect((await predict()).status).toBe(200);
    socket.destroy();
  });

  it('takes more places for a larger body', async () => {
    await app.close();
    await start('3');
    const { destroy } = await requestInFlight(BODY.padEnd(800));
    expect((await predict()).status).toBe(503);
    destroy();
  });

  it('counts a request as ended when its client goes away', async () => {
    const { destroy, release } = await requestInFlight();
    destroy();
    release();
    await eventually(async () => expect((await predict()).status).toBe(200));
  });

  it('refuses neither probes nor metrics', async () => {
    const { destroy } = await requestInFlight();
    for (const path of ['/health/live', '/health/ready', '/metrics', '/meta']) {
      expect((await request(app.getHttpServer()).get(path)).status).toBe(200);
    }
    destroy();
  });

  it('counts what it refuses, by reason and as answered', async () => {
    const { destroy } = await requestInFlight();
    await predict();
    await predict();
    expect(await samplesOf('requests_shed_total')).toContainEqual(
      expect.objectContaining({ labels: { reason: 'in_flight' }, value: 2 }),
    );
    expect(await samplesOf('http_requests_total')).toContainEqual(
      expect.objectContaining({ labels: { method: 'POST', route: '/predict', status: '503' }, value: 2 }),
    );
    destroy();
  });

  it('returns the request id of a refused request', async () => {
    const { destroy } = await requestInFlight();
    const refused = await predict().set('X-Request-Id', 'mine-1');
    expect(refused.headers['x-request-id']).toBe('mine-1');
    destroy();
  });
});
