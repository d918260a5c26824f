import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { fastify as createFastify, type FastifyInstance } from 'fastify';
import { allowedMethods, collectRoutes } from './allowed-methods.js';

describe('allowedMethods', () => {
  let fastify: FastifyInstance;

  beforeAll(async () => {
    fastify = createFastify();
    collectRoutes(fastify);
    fastify.get('/things', () => 'ok');
    fastify.post('/things', () => 'ok');
    fastify.delete('/things/:id', () => 'ok');
    fastify.post('/things/all', () => 'ok');
    fastify.setNotFoundHandler((request) => allowedMethods(request));
    await fastify.ready();
  });
  afterAll(() => fastify.close());

  it.each([
    ['a path with several methods, in order', '/things', ['GET', 'HEAD', 'POST']],
    ['a path with a query string', '/things?a=/b', ['GET', 'HEAD', 'POST']],
    ['a path with a parameter', '/things/7', ['DELETE']],
    ['a path that is a parameter of another', '/things/all', ['DELETE', 'POST']],
    ['a path with an empty parameter', '/things/', []],
    ['a path that goes on', '/things/7/parts', []],
    ['an unknown path', '/nothing', []],
    ['the root', '/', []],
  ])('knows %s', async (_what, url, methods) => {
    const response = await fastify.inject({ method: 'PATCH', url });
    expect(response.json()).toEqual(methods);
  });
});
