import { afterEach, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import request from 'supertest';
import { testDatabases } from '../support/database.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { startTestApp } from '../support/test-app.js';

const get = (app: NestFastifyApplication, route: string) => request(app.getHttpServer()).get(route);

describe('GET /health, with the prediction log', () => {
  const openDatabase = testDatabases();
  const opened: { close(): Promise<unknown> }[] = [];
  afterEach(async () => {
    for (const each of opened.splice(0).toReversed()) await each.close();
  });

  /** An application whose PostgreSQL can be taken away. */
  async function start() {
    const { env } = await openDatabase();
    const proxy = await TcpProxy.start(env.DATABASE_URL);
    const app = await startTestApp({ ...env, DATABASE_URL: proxy.url });
    opened.push(proxy, app);
    return { app, proxy };
  }

  it('says that the database is up', async () => {
    const { app } = await start();
    const { body } = await get(app, '/health');
    expect(body).toMatchObject({ status: 'ok', details: { database: { status: 'up' } } });
  });

  it.each(['refuse', 'silent'] as const)('is degraded while it is away, and ready: %s', async (kind) => {
    const { app, proxy } = await start();
    await proxy.setMode({ kind });
    const health = await get(app, '/health');
    expect(health.status).toBe(200);
    expect(health.body).toMatchObject({
      status: 'degraded',
      details: { database: { status: 'degraded', message: 'PostgreSQL does not answer.' } },
    });
    expect((await get(app, '/health/ready')).status).toBe(200);
  });

  it('has no such check with PREDICTION_LOG=off', async () => {
    const app = await startTestApp();
    opened.push(app);
    expect((await get(app, '/health')).body.details).not.toHaveProperty('database');
  });
});
