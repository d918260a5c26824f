import { type INestApplication, Logger } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { fastify as createFastify, type FastifyInstance } from 'fastify';
import { testConfig } from '../../../test/support/test-config.js';
import { Listeners } from '../http/listeners.js';
import { Shutdown } from './shutdown.js';

describe('Shutdown', () => {
  let fastify: FastifyInstance;
  let shutdown: Shutdown;

  beforeAll(() => Logger.overrideLogger(false));
  afterAll(() => Logger.overrideLogger(new Logger()));

  beforeEach(async () => {
    fastify = createFastify();
    fastify.get('/', () => 'ok');
    shutdown = new Shutdown(testConfig(), new Listeners());
    shutdown.observe(fastify);
    await fastify.listen();
  });
  afterEach(() => fastify.close());

  const appThatCloses = (close: () => void) =>
    ({ getHttpServer: () => fastify.server, close: async () => close() }) as INestApplication;

  it('asks clients for a new connection once it has begun, and not before', async () => {
    expect((await fastify.inject('/')).headers.connection).toBe('keep-alive');
    const ended = shutdown.run(appThatCloses(() => undefined));
    expect(shutdown.isBegun).toBe(true);
    expect((await fastify.inject('/')).headers.connection).toBe('close');
    await ended;
  });

  it('closes the application only when the listener takes no more connections', async () => {
    let wasListening: boolean | undefined;
    const inTime = await shutdown.run(appThatCloses(() => (wasListening = fastify.server.listening)));
    expect(wasListening).toBe(false);
    expect(inTime).toBe(true);
  });

  it('ends all the same, and says so, when something fails to close', async () => {
    const failing = appThatCloses(() => {
      throw new Error('the pool is closed already');
    });
    expect(await shutdown.run(failing)).toBe(false);
  });
});
