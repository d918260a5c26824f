import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import request from 'supertest';
import { fixtureModel } from '../support/fixture-models.js';
import { expectProblem } from '../support/problems.js';
import { rawRequest } from '../support/raw-request.js';
import { startTestApp } from '../support/test-app.js';

const GOOD = { data: { features: [50, 0.5, 1] } };

let app: NestFastifyApplication;

beforeAll(async () => {
  app = await startTestApp({ MODEL_URI: fixtureModel('lightgbm-small') });
  await app.listen(0, '127.0.0.1');
});
afterAll(() => app.close());

describe('An unknown path', () => {
  it.each([
    '/',
    '/s3cr3t-marker',
    '/predict/',
    '/predict/s3cr3t-marker',
    '//predict',
    '/PREDICT',
    '/predict%00',
    '/predict%2fbatch',
    '/health/s3cr3t-marker?q=s3cr3t-marker',
  ])('is answered ROUTE_NOT_FOUND: %s', async (path) => {
    expectProblem(await rawRequest(app, { path }), 'ROUTE_NOT_FOUND');
    expectProblem(await rawRequest(app, { path, method: 'POST' }), 'ROUTE_NOT_FOUND');
  });

  it.each(['/%zz', '/predict/%', '/%ff%fe', '/health/%E0%A4%A?q=s3cr3t-marker'])(
    'that cannot be decoded is answered INVALID_REQUEST: %s',
    async (path) => {
      expectProblem(await rawRequest(app, { path }), 'INVALID_REQUEST');
    },
  );
});

describe('A path that leads out of /docs', () => {
  it.each([
    ['/docs/../package.json', 'INVALID_REQUEST'],
    ['/docs/%2e%2e/package.json', 'INVALID_REQUEST'],
    ['/docs/..%2fpackage.json', 'ROUTE_NOT_FOUND'],
  ] as const)('leads nowhere: %s', async (path, code) => {
    expectProblem(await rawRequest(app, { path }), code);
  });
});

describe('A wrong method', () => {
  it.each([
    ['GET', '/predict', 'POST'],
    ['PUT', '/predict?x=1', 'POST'],
    ['OPTIONS', '/predict', 'POST'],
    ['DELETE', '/predict/batch', 'POST'],
    ['POST', '/health', 'GET, HEAD'],
    ['PATCH', '/health/ready', 'GET, HEAD'],
    ['POST', '/meta', 'GET, HEAD'],
    ['POST', '/metrics', 'GET, HEAD'],
    ['DELETE', '/boom', 'GET, HEAD'],
    ['POST', '/openapi.json', 'GET, HEAD'],
  ])('is answered METHOD_NOT_ALLOWED with the right one: %s %s', async (method, path, allow) => {
    const answer = await rawRequest(app, { method, path });
    expect(expectProblem(answer, 'METHOD_NOT_ALLOWED').detail).toBe(`Use one of: ${allow}.`);
    expect(answer.headers['allow']).toBe(allow);
  });

  it('is told by status and headers alone where it is HEAD', async () => {
    const answer = await request(app.getHttpServer()).head('/predict');
    expect({ status: answer.status, text: answer.text }).toEqual({ status: 405, text: undefined });
    expect(answer.headers).toMatchObject({ allow: 'POST', 'x-request-id': expect.any(String) });
  });
});

describe('HEAD', () => {
  it.each(['/health', '/health/live', '/health/ready', '/meta', '/metrics'])(
    'works where GET does: %s',
    async (path) => {
      const answer = await request(app.getHttpServer()).head(path);
      expect({ status: answer.status, text: answer.text }).toEqual({ status: 200, text: undefined });
    },
  );
});

describe('A query string', () => {
  it('is of no consequence', async () => {
    const server = app.getHttpServer();
    expect((await request(server).post('/predict?debug=true&features=1').send(GOOD)).status).toBe(200);
    expect(
      (
        await request(server)
          .post('/predict/batch?')
          .send({ data: [GOOD.data] })
      ).status,
    ).toBe(200);
    expect((await request(server).get('/health/live?probe=%20')).status).toBe(200);
  });
});

describe('X-Request-Id', () => {
  it('is the one that the caller sent', async () => {
    const server = app.getHttpServer();
    for (const path of ['/health', '/predict', '/nowhere']) {
      const answer = await request(server).get(path).set('X-Request-Id', 'caller-1');
      expect(answer.headers['x-request-id']).toBe('caller-1');
    }
    const undecodable = await rawRequest(app, { path: '/%zz', headers: { 'X-Request-Id': 'caller-1' } });
    expect(expectProblem(undecodable, 'INVALID_REQUEST').requestId).toBe('caller-1');
  });

  it('is a new one where the caller sent none that is harmless', async () => {
    const answer = await request(app.getHttpServer()).get('/nowhere').set('X-Request-Id', 's3cr3t-marker {}');
    expect(expectProblem(answer, 'ROUTE_NOT_FOUND').requestId).toMatch(/^[0-9a-f-]{36}$/);
  });
});
