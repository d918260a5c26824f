import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import path from 'node:path';
import { startHttpServer, type TestServer } from '../support/http-server.js';

const MODEL_NAME = 'credit-default-model';
const CREATED_AT = 1_795_446_594_320;
const API = '/api/2.0';

export interface FakeVersion {
  version: string;
  /** Of the logged model. */
  modelId: string;
  directory: string;
  tags: Record<string, string>;
}

/**
 * How it answers: as MLflow does; not at all, connections are cut; 503, as MLflow does without its database; or 500 for
 * files alone, as it does without their store.
 */
export type FakeMlflowMode = 'well' | 'down' | 'without-database' | 'without-store';

/** An MLflow server with one registered model, whose files it passes on. Replies as MLflow 3.17.2 gives them. */
export class FakeMlflow {
  mode: FakeMlflowMode = 'well';
  /** How often it was asked where an alias points. */
  aliasLooks = 0;
  private readonly versions = new Map<string, FakeVersion>();
  private readonly aliases = new Map<string, string>();
  private server!: TestServer;

  static async start(): Promise<FakeMlflow> {
    const mlflow = new FakeMlflow();
    mlflow.server = await startHttpServer((request, response) => void mlflow.answer(request, response));
    return mlflow;
  }

  get url(): string {
    return this.server.url;
  }

  close(): Promise<void> {
    return this.server.close();
  }

  /** @param directory is served from where it lies */
  register(version: string, directory: string, tags: Record<string, string> = {}): void {
    this.versions.set(version, { version, modelId: `m-${version.padStart(32, '0')}`, directory, tags });
  }

  moveAlias(version: string, alias = 'production'): void {
    this.aliases.set(alias, version);
  }

  deleteAlias(alias = 'production'): void {
    this.aliases.delete(alias);
  }

  /** Takes its aliases with it. */
  deleteVersion(version: string): void {
    this.versions.delete(version);
    for (const [alias, named] of this.aliases) if (named === version) this.aliases.delete(alias);
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url!, this.url);
    if (this.mode === 'down') return void request.destroy();
    if (this.mode === 'without-database') {
      return fail(response, 503, 'TEMPORARILY_UNAVAILABLE', '(psycopg2.OperationalError) connection refused');
    }
    const artifacts = `${API}/mlflow-artifacts/artifacts`;
    switch (pathname) {
      case `${API}/mlflow/registered-models/alias`:
        this.aliasLooks++;
        return this.answerAlias(searchParams.get('alias')!, response);
      case `${API}/mlflow/model-versions/get`:
        return this.answerVersion(searchParams.get('version')!, response);
      case `${API}/mlflow/model-versions/get-download-uri`:
        return this.withVersion(searchParams.get('version')!, response, (found) =>
          send(response, { artifact_uri: `mlflow-artifacts:/${rootOf(found)}` }),
        );
      case artifacts:
        return this.answerList(searchParams.get('path')!, response);
      default:
        return this.answerFile(decodeURIComponent(pathname.slice(artifacts.length + 1)), response);
    }
  }

  private answerAlias(alias: string, response: ServerResponse): void {
    const version = this.aliases.get(alias);
    if (version) return this.answerVersion(version, response);
    fail(response, 400, 'INVALID_PARAMETER_VALUE', `Registered model alias ${alias} not found.`);
  }

  private answerVersion(version: string, response: ServerResponse): void {
    this.withVersion(version, response, ({ modelId, tags }) =>
      send(response, {
        model_version: {
          name: MODEL_NAME,
          version,
          creation_timestamp: CREATED_AT + Number(version),
          source: `models:/${modelId}`,
          run_id: `run-${version}`,
          status: 'READY',
          ...(Object.keys(tags).length > 0 && {
            tags: Object.entries(tags).map(([key, value]) => ({ key, value })),
          }),
        },
      }),
    );
  }

  private withVersion(version: string, response: ServerResponse, then: (found: FakeVersion) => void): void {
    const found = this.versions.get(version);
    if (found) return then(found);
    const message = `Model Version (name=${MODEL_NAME}, version=${version}) not found`;
    fail(response, 404, 'RESOURCE_DOES_NOT_EXIST', message);
  }

  private async answerList(folder: string, response: ServerResponse): Promise<void> {
    const directory = this.fileAt(folder);
    if (this.mode === 'without-store') return fail(response, 500, 'INTERNAL_ERROR', 'Internal Server Error');
    const entries = directory ? await readdir(directory, { withFileTypes: true }) : [];
    const files = entries.map(async (entry) => ({
      path: entry.name,
      is_dir: entry.isDirectory(),
      ...(entry.isFile() && { file_size: (await stat(path.join(directory!, entry.name))).size }),
    }));
    send(response, files.length > 0 ? { files: await Promise.all(files) } : {});
  }

  private answerFile(file: string, response: ServerResponse): void {
    const location = this.fileAt(file);
    if (!location || this.mode === 'without-store') {
      return fail(response, 500, 'INTERNAL_ERROR', 'The following failures occurred while downloading artifacts');
    }
    createReadStream(location).pipe(response.writeHead(200));
  }

  /** @param location below the root of the artifact store */
  private fileAt(location: string): string | undefined {
    for (const version of this.versions.values()) {
      const root = rootOf(version);
      if (location === root) return version.directory;
      if (location.startsWith(`${root}/`)) return path.join(version.directory, location.slice(root.length));
    }
    return undefined;
  }
}

const rootOf = ({ modelId }: FakeVersion): string => `1/models/${modelId}/artifacts`;

const send = (response: ServerResponse, body: object): void =>
  void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));

const fail = (response: ServerResponse, status: number, error_code: string, message: string): void =>
  void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ error_code, message }));
