import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { register } from 'prom-client';
import { createApp } from '../../src/create-app.js';

/** The compiled worker: threads cannot run TypeScript, so the tests need a build. */
const BATCH_WORKER = pathToFileURL(resolve('dist/prediction/batch/batch.worker.js'));

const cacheDirectories: string[] = [];
afterAll(() => {
  for (const directory of cacheDirectories) rmSync(directory, { recursive: true, force: true });
});

/**
 * The real application with a real model, listening nowhere: supertest talks to `app.getHttpServer()`.
 *
 * @param env variables beside NODE_ENV=test, PREDICTION_LOG=off and a model cache of its own; they replace the process's own
 *   until the application is created
 */
export async function startTestApp(env: Record<string, string> = {}): Promise<NestFastifyApplication> {
  // prom-client's registry is the process's own, and a spec may start one application after another.
  register.resetMetrics();
  const cacheDirectory = mkdtempSync(join(tmpdir(), 'credit-default-cache-'));
  cacheDirectories.push(cacheDirectory);
  const before = { ...process.env };
  Object.assign(process.env, { NODE_ENV: 'test', PREDICTION_LOG: 'off', MODEL_CACHE_DIR: cacheDirectory, ...env });
  try {
    const app = await createApp({ version: '0.0.0-test', batchWorker: BATCH_WORKER });
    // What the service logs is proved on the built one; here it would only hide what Jest has to say.
    app.useLogger(false);
    await app.init();
    await app.getHttpAdapter().getInstance().ready();
    return app;
  } finally {
    process.env = before;
  }
}
