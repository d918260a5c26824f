import { randomUUID } from 'node:crypto';
import type { AdminModel, ReloadResponse } from '../../src/admin/admin.schemas.js';
import { type BuiltService, startBuiltService } from './built-service.js';
import { namedServers } from './named-servers.js';

const ADMIN_TOKEN = randomUUID();
export const NO_MODEL = 'no model';

export interface PredictAnswer {
  probability: number;
  model: { version: string };
  /** Of a problem document. */
  code?: string;
}

export interface AdminAnswer {
  status: number;
  /** A problem document when the status is not 200. */
  body: ReloadResponse & { code?: string; detail?: string };
}

/** The built service with the servers that this process's environment names, seen as its clients and operators see it. */
export class FollowingService {
  private constructor(private readonly built: BuiltService) {}

  /** @param env on top of where the servers are */
  static async start(env: { MODEL_URI: string; MODEL_CACHE_DIR: string } & Record<string, string>) {
    return new FollowingService(
      await startBuiltService({
        MODEL_POLL_INTERVAL_MS: '200',
        MODEL_REGISTRY_TIMEOUT_MS: '1000',
        MODEL_DOWNLOAD_TIMEOUT_MS: '3000',
        ADMIN_TOKEN,
        ...namedServers(),
        ...env,
      }),
    );
  }

  get url(): string {
    return this.built.url;
  }

  /** What a prediction of zeros for this many inputs names as its model's version; `no model` while there is none. */
  async version(width = 3): Promise<string> {
    const { status, body } = await this.predict(Array.from({ length: width }, () => 0));
    if (body.code === 'MODEL_NOT_READY') return NO_MODEL;
    if (status !== 200) throw new Error(`POST /predict: ${status} ${JSON.stringify(body)}`);
    return body.model.version;
  }

  async predict(features: readonly (number | null)[]): Promise<{ status: number; body: PredictAnswer }> {
    const response = await fetch(`${this.url}/predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ data: { features } }),
    });
    return { status: response.status, body: (await response.json()) as PredictAnswer };
  }

  async get(path: string): Promise<{ status: number; body: unknown }> {
    const response = await fetch(`${this.url}${path}`, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } });
    return { status: response.status, body: await response.json() };
  }

  async adminModel(): Promise<AdminModel> {
    return (await this.get('/admin/model')).body as AdminModel;
  }

  reload(): Promise<AdminAnswer> {
    return this.admin('reload', {});
  }

  pin(version: string): Promise<AdminAnswer> {
    return this.admin('reload', { version });
  }

  unpin(): Promise<AdminAnswer> {
    return this.admin('unpin', {});
  }

  rollback(): Promise<AdminAnswer> {
    return this.admin('rollback', {});
  }

  /** Samples of GET /metrics, by name and labels as they are written there. */
  async metrics(): Promise<Map<string, number>> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const samples = text.split('\n').flatMap((line): [string, number][] => {
      const [, sample, value] = /^(\w[^#]*) (\S+)$/.exec(line) ?? [];
      return sample && value ? [[sample, Number(value)]] : [];
    });
    return new Map(samples);
  }

  logs(): string {
    return this.built.logs();
  }

  stop(signal?: NodeJS.Signals): Promise<number> {
    return this.built.stop(signal);
  }

  private async admin(action: string, body: object): Promise<AdminAnswer> {
    const response = await fetch(`${this.url}/admin/model/${action}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as AdminAnswer['body'] };
  }
}
