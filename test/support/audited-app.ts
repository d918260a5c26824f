import { afterAll, beforeAll } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Client } from 'pg';
import request, { type Test } from 'supertest';
import { PredictionLog } from '../../src/prediction-log/prediction-log.js';
import type { LogEntry } from '../../src/prediction-log/prediction-record.js';
import type { PredictResponse } from '../../src/prediction/prediction.schemas.js';
import { createDatabase, type TestDatabase } from './database.js';
import { fixtureModel } from './fixture-models.js';
import { startTestApp } from './test-app.js';

export const AUDIT_TOKEN = 'a-token-of-the-auditors';

/** An application that records its answers, with what auditors may ask of it. */
export interface AuditedApp {
  readonly app: NestFastifyApplication;
  readonly database: TestDatabase;
  /** A connection to the database beside the application's own. */
  readonly client: Client;
  /** @param route such as `GET /predictions`; sent with the right token */
  send(route: string, body?: object): Test;
  /** @returns the answer to one row. @throws Error when there is none */
  predict(reference?: string, features?: readonly (number | null)[]): Promise<PredictResponse>;
  /** Writes an entry as the application itself does. */
  record(entry: LogEntry): Promise<void>;
}

/** One for all tests of a file. To be called where hooks may be registered. */
export function auditedApp(env: Record<string, string> = {}): AuditedApp {
  let app: NestFastifyApplication;
  let database: TestDatabase;
  let client: Client;

  beforeAll(async () => {
    database = await createDatabase();
    client = new Client({ connectionString: database.url });
    await client.connect();
    app = await startTestApp({ MODEL_URI: fixtureModel('lightgbm-small'), AUDIT_TOKEN, ...database.env, ...env });
  });
  afterAll(async () => {
    await app.close();
    await client.end();
    await database.close();
  });

  return {
    get app() {
      return app;
    },
    get database() {
      return database;
    },
    get client() {
      return client;
    },
    send(route, body) {
      const [method, path] = route.split(' ') as ['GET' | 'POST' | 'DELETE', string];
      const server = request(app.getHttpServer());
      const sent = { GET: server.get(path), POST: server.post(path), DELETE: server.delete(path) }[method];
      return sent.auth(AUDIT_TOKEN, { type: 'bearer' }).send(body);
    },
    async predict(reference, features = [50, 0.5, 1]) {
      const { status, text } = await request(app.getHttpServer())
        .post('/predict')
        .send({ data: { features }, reference });
      if (status !== 200) throw new Error(`POST /predict: ${status} ${text}`);
      return JSON.parse(text) as PredictResponse;
    },
    record: (entry) => app.get(PredictionLog, { strict: false }).record(entry),
  };
}
