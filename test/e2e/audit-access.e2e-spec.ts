import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import request from 'supertest';
import { startBuiltService } from '../support/built-service.js';
import { createDatabase, testDatabases } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { fixtureModel } from '../support/fixture-models.js';
import { samplesOf } from '../support/metric-samples.js';
import { expectDocumentedProblem } from '../support/problems.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { startTestApp } from '../support/test-app.js';

const AUDIT_TOKEN = 'a-token-of-the-auditors';
const ADMIN_TOKEN = 'a-token-of-the-tests';
const ID = '01968b2e-7c1f-7d3a-9b64-3f1f0a5c2d10';

/** Each with a request to it that is in order. */
const ROUTES = {
  'GET /predictions': {},
  'GET /predictions/{id}': {},
  'GET /predictions/{id}/replay': {},
  'POST /predictions/{id}/outcome': { body: '{"defaulted":true,"observedAt":"2026-11-01"}' },
  'POST /predictions/outcomes': {
    type: 'application/x-ndjson',
    body: `{"predictionId":"${ID}","defaulted":true,"observedAt":"2026-11-01"}`,
  },
  'POST /predictions/search': { body: '{"reference":"application-1"}' },
  'POST /predictions/erasures': { body: '{"reference":"application-1"}' },
  'DELETE /predictions': { query: '?reference=application-1' },
} as const satisfies Record<`${string} /${string}`, { query?: string; type?: string; body?: string }>;
type Route = keyof typeof ROUTES;
const routes = Object.keys(ROUTES) as Route[];

const databases = testDatabases();
let app: NestFastifyApplication | undefined;

afterEach(async () => {
  await app?.close();
  app = undefined;
});

async function start(env: Record<string, string>): Promise<void> {
  app = await startTestApp({ MODEL_URI: fixtureModel('lightgbm-small'), ...env });
}

function send(route: Route, authorization?: string) {
  const {
    query = '',
    type = 'application/json',
    body,
  }: { query?: string; type?: string; body?: string } = ROUTES[route];
  const [method, template] = route.split(' ') as ['GET' | 'POST' | 'DELETE', string];
  const server = request(app!.getHttpServer());
  const path = template.replace('{id}', ID) + query;
  const sent = { GET: server.get(path), POST: server.post(path), DELETE: server.delete(path) }[method];
  if (authorization !== undefined) void sent.set('Authorization', authorization);
  return body === undefined ? sent : sent.type(type).send(body);
}

describe('The audit routes', () => {
  it.each([
    ['there is no AUDIT_TOKEN', async () => (await databases()).env],
    ['nothing is recorded', async () => ({ PREDICTION_LOG: 'off', AUDIT_TOKEN })],
  ])('do not exist while %s', async (_why, env) => {
    await start(await env());
    for (const route of routes) {
      for (const authorization of [undefined, 'Bearer ', `Bearer ${AUDIT_TOKEN}`]) {
        expectDocumentedProblem(route, await send(route, authorization), 'ROUTE_NOT_FOUND');
      }
    }
  });

  it('let nobody in without the token, not even an operator, and count who tries', async () => {
    await start({ ...(await databases()).env, AUDIT_TOKEN, ADMIN_TOKEN });
    const attempts = routes.map((route, i) => [route, [undefined, `Bearer ${ADMIN_TOKEN}`][i % 2]] as const);
    for (const [route, authorization] of attempts) {
      const { detail } = expectDocumentedProblem(route, await send(route, authorization), 'UNAUTHORIZED');
      expect(detail).toContain('the audit token');
    }
    expect(await samplesOf('audit_auth_failures_total')).toMatchObject([{ value: attempts.length }]);
    expect(await samplesOf('admin_auth_failures_total')).toMatchObject([{ value: 0 }]);
  });

  it('answer 429 to an address that failed ten times, and never delay the right token', async () => {
    await start({ ...(await databases()).env, AUDIT_TOKEN });
    for (let i = 0; i < 10; i++) await send('GET /predictions', 'Bearer wrong');
    for (const route of routes) expectDocumentedProblem(route, await send(route, 'Bearer wrong'), 'TOO_MANY_FAILURES');
    expect((await send('GET /predictions', `Bearer ${AUDIT_TOKEN}`)).status).toBe(200);
  });

  it('count what is asked of them', async () => {
    await start({ ...(await databases()).env, AUDIT_TOKEN });
    for (const route of routes) await send(route, `Bearer ${AUDIT_TOKEN}`);
    const operations = (await samplesOf('audit_requests_total')).map(({ labels, value }) => [
      labels['operation'],
      value,
    ]);
    expect(Object.fromEntries(operations)).toEqual({
      listPredictions: 1,
      getPrediction: 1,
      replayPrediction: 1,
      recordOutcome: 1,
      recordOutcomes: 1,
      searchPredictions: 1,
      eraseReference: 1,
      erasePredictions: 1,
    });
  });

  describe('while PostgreSQL is not to be had', () => {
    let proxy: TcpProxy;

    beforeEach(async () => {
      const { env } = await databases();
      proxy = await TcpProxy.start(env.DATABASE_URL);
      await start({ ...env, DATABASE_URL: proxy.url, DATABASE_STATEMENT_TIMEOUT_MS: '200', AUDIT_TOKEN });
      await send('GET /predictions', `Bearer ${AUDIT_TOKEN}`);
    });
    afterEach(() => proxy.close());

    it.each(['refuse', 'silent'] as const)('say so, and recover by themselves: %s', async (kind) => {
      await proxy.setMode({ kind });
      for (const route of routes) {
        const answer = await send(route, `Bearer ${AUDIT_TOKEN}`);
        expectDocumentedProblem(route, answer, 'PREDICTION_LOG_UNAVAILABLE');
        expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
      }
      await proxy.setMode({ kind: 'reset' });
      await proxy.setMode({ kind: 'pass' });
      const answer = await eventually(async () => {
        const { status, body } = await send('GET /predictions', `Bearer ${AUDIT_TOKEN}`);
        if (status !== 200) throw new Error(JSON.stringify(body));
        return body as object;
      });
      expect(answer).toEqual({ predictions: [], nextCursor: null });
    });
  });
});

describe('The log of the service', () => {
  it('says who looked at which record, and never whose it is', async () => {
    const database = await createDatabase();
    const service = await startBuiltService({
      ...database.env,
      MODEL_URI: fixtureModel('lightgbm-small'),
      LOG_LEVEL: 'verbose',
      AUDIT_TOKEN,
      CALLER_HEADER: 'X-Caller',
    });
    try {
      const headers = { authorization: `Bearer ${AUDIT_TOKEN}`, 'x-caller': 'auditor-7', 'x-request-id': 'look-1' };
      await fetch(`${service.url}/predictions/${ID}`, { headers });
      await fetch(`${service.url}/predictions?reference=s3cr3t-subject`, { headers });
      await fetch(`${service.url}/predictions?reference=s3cr3t-subject`, { headers, method: 'DELETE' });
      for (const path of ['/predictions/search', '/predictions/erasures']) {
        await fetch(service.url + path, {
          method: 'POST',
          headers: { ...headers, 'content-type': 'application/json' },
          body: '{"reference":"s3cr3t-subject"}',
        });
      }
      await service.stop();
      const lines = service
        .logs()
        .split('\n')
        .filter((line) => line.includes('Prediction records are asked for'))
        .map((line) => JSON.parse(line) as object);
      const common = { requestId: 'look-1', caller: 'auditor-7', level: 'log' };
      expect(lines).toEqual([
        expect.objectContaining({ ...common, operation: 'getPrediction', predictionId: ID }),
        expect.objectContaining({ ...common, operation: 'listPredictions', route: '/predictions' }),
        expect.objectContaining({ ...common, operation: 'erasePredictions', method: 'DELETE' }),
        expect.objectContaining({ ...common, operation: 'searchPredictions', route: '/predictions/search' }),
        expect.objectContaining({ ...common, operation: 'eraseReference', route: '/predictions/erasures' }),
      ]);
      expect(service.logs()).not.toContain('s3cr3t-subject');
    } finally {
      service.process.kill('SIGKILL');
      await database.close();
    }
  });
});
