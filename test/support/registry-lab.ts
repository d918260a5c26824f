import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { DeleteObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';

const BUCKET = 'mlflow';

/** Who hands out the files of an experiment: MLflow itself, or MinIO directly. Its artifact root decides, for one server. */
export type ArtifactMode = 'proxied' | 'direct';

export interface LoggedVersion {
  runId: string;
  modelId: string;
  /** `mlflow-artifacts:/…` or `s3://…`. */
  artifactUri: string;
}

export interface RegisterOptions {
  tags?: Record<string, string>;
  /** Of the registered model; default: the lab's own. */
  name?: string;
}

const experimentSchema = z.object({ experiment_id: z.string() });
const runSchema = z.object({ run: z.object({ info: z.object({ run_id: z.string(), artifact_uri: z.string() }) }) });
const loggedModelSchema = z.object({
  model: z.object({ info: z.object({ model_id: z.string(), artifact_uri: z.string() }) }),
});
const versionSchema = z.object({ model_version: z.object({ version: z.string() }) });
const webhookSchema = z.object({ webhook: z.object({ webhook_id: z.string() }) });

/**
 * What a team does in MLflow, over its REST API: log, register, tag and move models, each lab under names of its own.
 * Needs MLFLOW_TRACKING_URI, MLFLOW_S3_ENDPOINT_URL and AWS credentials.
 */
export class RegistryLab {
  readonly modelName = `model-${randomUUID()}`;
  private readonly trackingUri = process.env['MLFLOW_TRACKING_URI']!;
  private readonly s3 = new S3Client({
    endpoint: process.env['MLFLOW_S3_ENDPOINT_URL']!,
    region: process.env['AWS_DEFAULT_REGION'] ?? 'us-east-1',
    forcePathStyle: true,
  });
  private readonly webhookIds = new Set<string>();
  private readonly registered = new Set<string>();
  private experimentId = '';

  private constructor() {}

  static async create(mode: ArtifactMode): Promise<RegistryLab> {
    const lab = new RegistryLab();
    const name = `lab-${randomUUID()}`;
    const location = mode === 'direct' ? { artifact_location: `s3://${BUCKET}/${name}` } : {};
    const created = await lab.mlflow('POST', 'experiments/create', { name, ...location });
    lab.experimentId = experimentSchema.parse(created).experiment_id;
    return lab;
  }

  /** Removes models and webhooks, so that later deliveries and searches do not meet them. */
  async close(): Promise<void> {
    for (const id of this.webhookIds) await this.deleteWebhook(id);
    for (const name of this.registered) await this.deleteModel(name);
    await this.mlflow('POST', 'experiments/delete', { experiment_id: this.experimentId });
    this.s3.destroy();
  }

  /** Logs a directory as MLflow 3 does: a model apart from the run's own files. */
  async logModel(directory: string, name = 'model'): Promise<LoggedVersion> {
    const { run_id } = await this.createRun();
    const created = await this.mlflow('POST', 'logged-models', {
      experiment_id: this.experimentId,
      name,
      source_run_id: run_id,
    });
    const { model_id, artifact_uri } = loggedModelSchema.parse(created).model.info;
    await this.uploadDirectory(artifact_uri, directory);
    await this.mlflow('PATCH', `logged-models/${model_id}`, { model_id, status: 'LOGGED_MODEL_READY' });
    return { runId: run_id, modelId: model_id, artifactUri: artifact_uri };
  }

  /** Logs a directory as MLflow 2 did: among the run's own files. */
  async logRunFiles(directory: string, folder: string): Promise<{ runId: string; artifactUri: string }> {
    const { run_id, artifact_uri } = await this.createRun();
    const artifactUri = `${artifact_uri}/${folder}`;
    await this.uploadDirectory(artifactUri, directory);
    return { runId: run_id, artifactUri };
  }

  /** Logs a directory and registers it as the next version. */
  async register(directory: string, options: RegisterOptions = {}): Promise<LoggedVersion & { version: string }> {
    const logged = await this.logModel(directory);
    const source = { source: `models:/${logged.modelId}`, model_id: logged.modelId, run_id: logged.runId };
    return { ...logged, version: await this.createVersion(source, options) };
  }

  /** Registers what {@link logRunFiles} logged. */
  registerRunFiles(logged: { runId: string; artifactUri: string }, options: RegisterOptions = {}): Promise<string> {
    return this.createVersion({ source: logged.artifactUri, run_id: logged.runId }, options);
  }

  async setTag(version: string, key: string, value: string): Promise<void> {
    await this.mlflow('POST', 'model-versions/set-tag', { name: this.modelName, version, key, value });
  }

  async setAlias(alias: string, version: string): Promise<void> {
    await this.mlflow('POST', 'registered-models/alias', { name: this.modelName, alias, version });
  }

  async deleteAlias(alias: string): Promise<void> {
    await this.mlflow('DELETE', 'registered-models/alias', { name: this.modelName, alias });
  }

  /** Takes its aliases with it, and MLflow sends no event. */
  async deleteVersion(version: string): Promise<void> {
    await this.mlflow('DELETE', 'model-versions/delete', { name: this.modelName, version });
  }

  /** A model of the same name counts from 1 again. */
  async deleteModel(name = this.modelName): Promise<void> {
    await this.mlflow('DELETE', 'registered-models/delete', { name });
    this.registered.delete(name);
  }

  /** @param url receives a delivery whenever an alias is set or deleted, whatever model's */
  async createWebhook(url: string, secret: string): Promise<string> {
    const created = await this.mlflow('POST', 'webhooks', {
      name: `lab-${randomUUID()}`,
      url,
      secret,
      events: ['CREATED', 'DELETED'].map((action) => ({ entity: 'MODEL_VERSION_ALIAS', action })),
    });
    const id = webhookSchema.parse(created).webhook.webhook_id;
    this.webhookIds.add(id);
    return id;
  }

  async deleteWebhook(id: string): Promise<void> {
    await this.mlflow('DELETE', `webhooks/${id}`, {});
    this.webhookIds.delete(id);
  }

  async uploadDirectory(artifactUri: string, directory: string): Promise<void> {
    const entries = await readdir(directory, { recursive: true, withFileTypes: true });
    for (const entry of entries.filter((each) => each.isFile())) {
      const file = path.join(entry.parentPath, entry.name);
      await this.putFile(artifactUri, path.relative(directory, file), await readFile(file));
    }
  }

  async putFile(artifactUri: string, file: string, bytes: Buffer): Promise<void> {
    if (artifactUri.startsWith('s3:')) {
      await this.s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: keyOf(artifactUri, file), Body: bytes }));
    } else {
      await this.artifacts('PUT', artifactUri, file, bytes);
    }
  }

  async deleteFile(artifactUri: string, file: string): Promise<void> {
    if (artifactUri.startsWith('s3:')) {
      await this.s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: keyOf(artifactUri, file) }));
    } else {
      await this.artifacts('DELETE', artifactUri, file);
    }
  }

  private async createVersion(
    source: { source: string; run_id: string; model_id?: string },
    { tags = {}, name = this.modelName }: RegisterOptions,
  ): Promise<string> {
    if (!this.registered.has(name)) {
      await this.mlflow('POST', 'registered-models/create', { name });
      this.registered.add(name);
    }
    const created = await this.mlflow('POST', 'model-versions/create', {
      name,
      ...source,
      tags: Object.entries(tags).map(([key, value]) => ({ key, value })),
    });
    return versionSchema.parse(created).model_version.version;
  }

  private async createRun(): Promise<{ run_id: string; artifact_uri: string }> {
    const created = await this.mlflow('POST', 'runs/create', {
      experiment_id: this.experimentId,
      start_time: Date.now(),
    });
    return runSchema.parse(created).run.info;
  }

  private async mlflow(method: string, endpoint: string, body: object): Promise<unknown> {
    const response = await fetch(`${this.trackingUri}/api/2.0/mlflow/${endpoint}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${method} ${endpoint}: ${response.status} ${await response.text()}`);
    return response.json();
  }

  private async artifacts(method: string, artifactUri: string, file: string, body?: Buffer): Promise<void> {
    const location = [artifactUri.slice('mlflow-artifacts:/'.length), ...file.split(path.sep)].join('/');
    const response = await fetch(`${this.trackingUri}/api/2.0/mlflow-artifacts/artifacts/${encodeURI(location)}`, {
      method,
      ...(body && { body: new Uint8Array(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${location}: ${response.status} ${await response.text()}`);
  }
}

const keyOf = (artifactUri: string, file: string): string => `${artifactUri.slice(`s3://${BUCKET}/`.length)}/${file}`;
