import path from 'node:path';
import { afterEach, beforeEach } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import request, { type Response } from 'supertest';
import type { AdminModel } from '../../src/admin/admin.schemas.js';

import { FakeMlflow } from '../fakes/fake-mlflow.js';
import { eventually } from './eventually.js';
import { FIXTURE_MODELS } from './fixture-models.js';
import { writeVariant } from './model-variant.js';
import { temporaryDirectories } from './temporary-directory.js';
import { startTestApp } from './test-app.js';

export const ADMIN_TOKEN = 'a-token-of-the-tests';
type ReloadEvent = AdminModel['events'][number];

/** No poll comes in time: what happens was triggered by something else. */
export const NEVER_POLL = { MODEL_POLL_INTERVAL_MS: '3600000' };

/** Requests to an application, as clients and operators make them. */
export class AppClient {
  constructor(readonly app: NestFastifyApplication) {}

  get(route: string): Promise<Response> {
    return request(this.app.getHttpServer()).get(route).auth(ADMIN_TOKEN, { type: 'bearer' });
  }

  /** @param body is not sent when there is none */
  post(route: string, body?: object): Promise<Response> {
    return request(this.app.getHttpServer()).post(route).auth(ADMIN_TOKEN, { type: 'bearer' }).send(body);
  }

  predict(): Promise<Response> {
    return this.post('/predict', { data: { features: [50, 0.5, 1] } });
  }

  /** The version that a prediction names; the error's code when there is none. */
  async version(): Promise<string> {
    const { body } = await this.predict();
    return (body.model?.version ?? body.code) as string;
  }

  /** The last event, once there is one of this trigger. */
  lastEvent(trigger: ReloadEvent['trigger']): Promise<ReloadEvent> {
    return eventually(async () => {
      const [event] = (await this.adminModel()).events;
      if (event?.trigger !== trigger) throw new Error(`The last event came of ${event?.trigger}, not of ${trigger}.`);
      return event;
    });
  }

  async adminModel(): Promise<AdminModel> {
    return (await this.get('/admin/model')).body as AdminModel;
  }

  /** The value of a metric as it is scraped, labels included in its name; undefined where there is no such series. */
  async metric(series: string): Promise<number | undefined> {
    const { text } = await this.get('/metrics');
    const line = text.split('\n').find((each) => each.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length + 1));
  }
}

export interface FollowingApps {
  readonly mlflow: FakeMlflow;
  temporaryDirectory(): string;
  /** A model directory like `lightgbm-small` and unlike all others: its threshold is 0.3 and so many thousandths. */
  modelDirectory(thousandths: number): Promise<string>;
  /** Registers such a directory as the version of that number. */
  register(version: number, tags?: Record<string, string>): Promise<void>;
  /** Starts an application that follows `production` with a new cache, unless `env` says otherwise. */
  start(env?: Record<string, string>): Promise<AppClient>;
  /** Ends one before its test does. */
  stop(client: AppClient): Promise<void>;
}

/** A fake MLflow for each test, and applications that end with it. To be called where hooks may be registered. */
export function followingApps(): FollowingApps {
  const apps = new Set<NestFastifyApplication>();
  let mlflow: FakeMlflow;
  beforeEach(async () => {
    mlflow = await FakeMlflow.start();
  });
  afterEach(async () => {
    for (const app of apps) await app.close();
    apps.clear();
    await mlflow.close();
  });
  const temporaryDirectory = temporaryDirectories();

  const modelDirectory = (thousandths: number) =>
    writeVariant(
      `${FIXTURE_MODELS}/lightgbm-small`,
      path.join(temporaryDirectory(), 'model'),
      0.3 + thousandths / 1000,
    );

  return {
    get mlflow() {
      return mlflow;
    },
    temporaryDirectory,
    modelDirectory,
    async register(version, tags) {
      mlflow.register(String(version), await modelDirectory(version), tags);
    },
    async start(env = {}) {
      const app = await startTestApp({
        MODEL_URI: 'models:/credit-default-model@production',
        MLFLOW_TRACKING_URI: mlflow.url,
        MODEL_POLL_INTERVAL_MS: '100',
        MODEL_REGISTRY_TIMEOUT_MS: '2000',
        ADMIN_TOKEN,
        ...env,
      });
      apps.add(app);
      return new AppClient(app);
    },
    async stop({ app }) {
      apps.delete(app);
      await app.close();
    },
  };
}
