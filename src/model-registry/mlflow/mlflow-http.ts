import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { Readable } from 'node:stream';
import type { ConfigService } from '@nestjs/config';
import type { z } from 'zod';
import type { Env } from '../../config/env.schema.js';
import { RegistryError } from '../registry-error.js';
import { artifactStream } from '../transport/artifact-stream.js';
import { connectionError, errorCode, type ServerName } from '../transport/connection-error.js';
import { tlsOptions } from '../transport/tls-options.js';
import { withTimeout } from '../transport/with-timeout.js';
import { refusal } from './mlflow-refusal.js';

/** Far more than a reply with a run's whole metadata needs. */
const MAX_REPLY_BYTES = 8 * 1024 * 1024;

export interface MlflowCall {
  /** Below `/api/2.0/`. */
  path: string;
  query?: Record<string, string>;
  /** Makes it a POST. Such a call must be safe to repeat, as a search is. */
  body?: object;
  /** What is asked for, as errors name it: `model version 3 of "credit-default-model"`. */
  wanted: string;
}

/** One MLflow server over HTTP: address, credentials, TLS, limits, and what its failures mean. */
export class MlflowHttp {
  private readonly baseUrl: string;
  private readonly authorization: string | undefined;
  private readonly timeoutMs: number;
  private readonly server: ServerName;
  private readonly agent: http.Agent;
  private readonly send: typeof http.request;

  /** @throws Error when MLFLOW_TRACKING_SERVER_CERT_PATH cannot be read */
  constructor(config: ConfigService<Env, true>) {
    // Not set only where MODEL_URI has nothing to do with MLflow, and nobody calls it.
    this.baseUrl = (config.get('MLFLOW_TRACKING_URI', { infer: true }) ?? 'http://localhost').replace(/\/+$/, '');
    this.authorization = authorization(config);
    this.timeoutMs = config.get('MODEL_REGISTRY_TIMEOUT_MS', { infer: true });
    this.server = {
      label: `MLflow at ${this.baseUrl}`,
      addressVariable: 'MLFLOW_TRACKING_URI',
      caVariable: 'MLFLOW_TRACKING_SERVER_CERT_PATH',
    };
    const secure = this.baseUrl.startsWith('https:');
    const tls = tlsOptions(
      this.server.caVariable,
      config.get('MLFLOW_TRACKING_SERVER_CERT_PATH', { infer: true }),
      config.get('MLFLOW_TRACKING_INSECURE_TLS', { infer: true }),
    );
    this.send = secure ? https.request : http.request;
    this.agent = secure ? new https.Agent({ keepAlive: true, ...tls }) : new http.Agent({ keepAlive: true });
  }

  /** Asks for JSON. @throws RegistryError */
  async json<T>(schema: z.ZodType<T>, call: MlflowCall, signal: AbortSignal): Promise<T> {
    const text = await this.withTimeout(call, signal, async (limited) => {
      const response = await this.request(call, limited);
      return this.readReply(call, response);
    });
    const result = schema.safeParse(this.parse(call, text));
    if (!result.success) {
      const { path, message } = result.error.issues[0]!;
      throw new RegistryError(
        'invalid-reply',
        `${this.server.label} describes ${call.wanted} in an unexpected form (${path.join('.')}: ${message}).`,
      );
    }
    return result.data;
  }

  /** Asks for a file. The time limit ends when the reply begins. @throws RegistryError; the stream errors with one too */
  async download(call: MlflowCall, signal: AbortSignal): Promise<Readable> {
    const response = await this.withTimeout(call, signal, async (limited) => {
      const begun = await this.request(call, limited);
      if (begun.statusCode !== 200) await this.readReply(call, begun);
      return begun;
    });
    return artifactStream(response, call.wanted);
  }

  close(): void {
    this.agent.destroy();
  }

  private withTimeout<T>(call: MlflowCall, signal: AbortSignal, action: (signal: AbortSignal) => Promise<T>) {
    return withTimeout(`Asking ${this.server.label} for ${call.wanted}`, this.timeoutMs, signal, action);
  }

  /** A server may close an idle connection at the very moment when it is used again; then the next one is tried. */
  private async request(call: MlflowCall, signal: AbortSignal): Promise<IncomingMessage> {
    const query = new URLSearchParams(call.query).toString();
    const body = call.body && JSON.stringify(call.body);
    for (;;) {
      const request = this.send(`${this.baseUrl}/api/2.0/${call.path}?${query}`, {
        method: body === undefined ? 'GET' : 'POST',
        agent: this.agent,
        signal,
        headers: {
          accept: '*/*',
          ...(this.authorization && { authorization: this.authorization }),
          ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
        },
      });
      // Once the response is there its stream tells of errors, but the request emits them as well.
      request.on('error', () => undefined);
      request.end(body);
      try {
        const [response] = (await once(request, 'response')) as [IncomingMessage];
        return response;
      } catch (error) {
        const wasIdle = request.reusedSocket && ['ECONNRESET', 'EPIPE'].includes(errorCode(error));
        if (!wasIdle) throw connectionError(this.server, error);
      }
    }
  }

  /** @throws RegistryError unless the reply is a 200 that came whole */
  private async readReply(call: MlflowCall, response: IncomingMessage): Promise<string> {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        sizeBytes += chunk.byteLength;
        if (sizeBytes > MAX_REPLY_BYTES) break;
        chunks.push(chunk);
      }
    } catch (cause) {
      throw new RegistryError('incomplete', `The reply of ${this.server.label} for ${call.wanted} broke off.`, {
        cause,
      });
    }
    if (sizeBytes > MAX_REPLY_BYTES) {
      throw new RegistryError(
        'too-large',
        `The reply of ${this.server.label} for ${call.wanted} has more than ${MAX_REPLY_BYTES} bytes.`,
      );
    }
    const text = Buffer.concat(chunks).toString('utf8');
    if (response.statusCode !== 200) throw refusal(this.server.label, call.wanted, response.statusCode!, text);
    return text;
  }

  private parse(call: MlflowCall, text: string): unknown {
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new RegistryError(
        'invalid-reply',
        `${this.server.label} answers with something else than JSON when asked for ${call.wanted}: check ${this.server.addressVariable}.`,
        { cause },
      );
    }
  }
}

/** Which of them wins is MLflow's own rule. */
function authorization(config: ConfigService<Env, true>): string | undefined {
  const user = config.get('MLFLOW_TRACKING_USERNAME', { infer: true });
  const password = config.get('MLFLOW_TRACKING_PASSWORD', { infer: true });
  const token = config.get('MLFLOW_TRACKING_TOKEN', { infer: true });
  if (user && password) return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  return token && `Bearer ${token}`;
}
