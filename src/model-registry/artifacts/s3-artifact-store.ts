import https from 'node:https';
import type { Readable } from 'node:stream';
import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { z } from 'zod';
import type { Env } from '../../config/env.schema.js';
import { RegistryError } from '../registry-error.js';
import { artifactStream } from '../transport/artifact-stream.js';
import type { ServerName } from '../transport/connection-error.js';
import { tlsOptions } from '../transport/tls-options.js';
import { withTimeout } from '../transport/with-timeout.js';
import type { ArtifactFile, ArtifactStore } from './artifact-store.js';
import { MAX_FILES } from './download-artifacts.js';
import { s3Error } from './s3-error.js';
import { safeUri } from './safe-uri.js';

const pageSchema = z.array(z.object({ Key: z.string(), Size: z.int().nonnegative(), ETag: z.string().default('') }));

export interface S3Object extends ArtifactFile {
  /** Changes when the object is written again. */
  etag: string;
}

/** S3 or what speaks like it: `s3://BUCKET/PREFIX`. */
@Injectable()
export class S3ArtifactStore implements ArtifactStore, OnApplicationShutdown {
  private readonly clientConfig: S3ClientConfig;
  private client: S3Client | undefined;
  private readonly server: ServerName;
  private readonly timeoutMs: number;

  /** @throws Error when AWS_CA_BUNDLE cannot be read */
  constructor(config: ConfigService<Env, true>) {
    const endpoint = config.get('MLFLOW_S3_ENDPOINT_URL', { infer: true });
    this.timeoutMs = config.get('MODEL_REGISTRY_TIMEOUT_MS', { infer: true });
    this.server = {
      label: `The artifact store at ${endpoint ?? 'AWS'}`,
      addressVariable: 'MLFLOW_S3_ENDPOINT_URL',
      caVariable: 'AWS_CA_BUNDLE',
    };
    this.clientConfig = {
      ...(endpoint && { endpoint, forcePathStyle: true }),
      region: config.get('AWS_REGION', { infer: true }) ?? config.get('AWS_DEFAULT_REGION', { infer: true }),
      ...credentials(config),
      // One more: an idle connection may have been closed by the store. withTimeout bounds both together.
      maxAttempts: 2,
      requestHandler: {
        httpsAgent: new https.Agent({
          keepAlive: true,
          ...tlsOptions(this.server.caVariable, config.get('AWS_CA_BUNDLE', { infer: true })),
        }),
      },
    };
  }

  list(artifactUri: string, signal: AbortSignal): Promise<S3Object[]> {
    return this.call(`the list of ${safeUri(artifactUri)}`, signal, async (limited) => {
      const { bucket, prefix } = locationOf(artifactUri);
      const { client, ListObjectsV2Command } = await this.sdk();
      const objects: S3Object[] = [];
      let next: string | undefined;
      do {
        const command = new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ContinuationToken: next });
        const page = await client.send(command, { abortSignal: limited });
        objects.push(...parsePage(page.Contents ?? [], prefix));
        next = page.NextContinuationToken;
      } while (next !== undefined && objects.length <= MAX_FILES);
      return objects;
    });
  }

  async read(artifactUri: string, path: string, signal: AbortSignal): Promise<Readable> {
    const { bucket, prefix } = locationOf(artifactUri);
    const wanted = `${safeUri(artifactUri)}/${path}`;
    const body = await this.call(wanted, signal, async (limited) => {
      const { client, GetObjectCommand } = await this.sdk();
      const command = new GetObjectCommand({ Bucket: bucket, Key: `${prefix}${path}` });
      return (await client.send(command, { abortSignal: limited })).Body;
    });
    return artifactStream(body as Readable, wanted);
  }

  onApplicationShutdown(): void {
    this.client?.destroy();
  }

  /** Loaded when first needed: a service whose files come another way does without its 9 MB. */
  private async sdk() {
    const sdk = await import('@aws-sdk/client-s3');
    this.client ??= new sdk.S3Client(this.clientConfig);
    return {
      client: this.client,
      GetObjectCommand: sdk.GetObjectCommand,
      ListObjectsV2Command: sdk.ListObjectsV2Command,
    };
  }

  private call<T>(wanted: string, signal: AbortSignal, action: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return withTimeout(`Asking ${this.server.label} for ${wanted}`, this.timeoutMs, signal, async (limited) => {
      try {
        return await action(limited);
      } catch (error) {
        throw error instanceof RegistryError ? error : s3Error(this.server, wanted, error);
      }
    });
  }
}

/** Without keys of its own the SDK looks where AWS tools do: profile, web identity, instance metadata. */
function credentials(config: ConfigService<Env, true>) {
  const accessKeyId = config.get('AWS_ACCESS_KEY_ID', { infer: true });
  const secretAccessKey = config.get('AWS_SECRET_ACCESS_KEY', { infer: true });
  const sessionToken = config.get('AWS_SESSION_TOKEN', { infer: true });
  if (!accessKeyId || !secretAccessKey) return {};
  return { credentials: { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) } };
}

/** @throws RegistryError when MLflow gave a URI that does not name a folder in a bucket */
function locationOf(artifactUri: string): { bucket: string; prefix: string } {
  const [, bucket, prefix] = /^s3:\/\/([^/]+)\/(.+?)\/*$/.exec(artifactUri) ?? [];
  if (!bucket || !prefix) {
    throw new RegistryError('invalid-reply', `${safeUri(artifactUri)} is not of the form s3://BUCKET/PREFIX.`);
  }
  return { bucket, prefix: `${prefix}/` };
}

/** The markers that consoles create for empty folders, named like the folder itself, are left out. */
function parsePage(contents: unknown[], prefix: string): S3Object[] {
  const result = pageSchema.safeParse(contents);
  if (!result.success || !result.data.every(({ Key }) => Key.startsWith(prefix))) {
    throw new RegistryError('invalid-reply', `The artifact store lists ${prefix} in an unexpected form.`);
  }
  return result.data
    .filter(({ Key }) => !Key.endsWith('/'))
    .map(({ Key, Size, ETag }) => ({ path: Key.slice(prefix.length), sizeBytes: Size, etag: ETag }));
}
