import { once } from 'node:events';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startHttpServer, startHttpsServer, TEST_CA_FILE, type TestServer } from '../../../test/support/http-server.js';
import { testConfig } from '../../../test/support/test-config.js';
import { RegistryError } from '../registry-error.js';
import { MlflowClient } from './mlflow-client.js';

const signal = new AbortController().signal;

/** For what takes for ever; anything else may take its time on a busy machine. */
const SHORT_LIMIT = { MODEL_REGISTRY_TIMEOUT_MS: '250' };

/** As MLflow 3.17.2 replies. */
const VERSION = {
  name: 'credit-default-model',
  version: '1',
  creation_timestamp: 1795446594320,
  last_updated_timestamp: 1795446594320,
  current_stage: 'None',
  source: 'models:/m-4c1cf4d8503a4008b4b2a6f105a4b061',
  run_id: '5787de31baba4161b474d0b280f1223e',
  status: 'READY',
  tags: [{ key: 'sha256', value: 'deadbeef' }],
  aliases: ['production'],
};

const reply =
  (status: number, body: string | object): RequestListener =>
  (_request, response) =>
    void response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));

const failure = (error_code: string, message: string) => ({ error_code, message, sqlstate: 'KAM00' });

const byAlias = (client: MlflowClient) => client.versionByAlias('credit-default-model', 'production', signal);

describe('MlflowClient', () => {
  const open: { close(): unknown }[] = [];
  let server: TestServer;
  afterEach(async () => {
    for (const each of open.splice(0).toReversed()) await each.close();
  });

  function clientOf(url: string, env: Record<string, string> = {}): MlflowClient {
    const client = new MlflowClient(testConfig({ MLFLOW_TRACKING_URI: url, ...env }));
    open.push({ close: () => client.onApplicationShutdown() });
    return client;
  }

  async function clientFor(listener: RequestListener, env?: Record<string, string>): Promise<MlflowClient> {
    server = await startHttpServer(listener);
    open.push(server);
    return clientOf(server.url, env);
  }

  async function failureOf(listener: RequestListener, env?: Record<string, string>): Promise<RegistryError> {
    const client = await clientFor(listener, env);
    const error: unknown = await byAlias(client).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RegistryError);
    return error as RegistryError;
  }

  it('finds the version that an alias points at', async () => {
    const client = await clientFor(reply(200, { model_version: VERSION }));
    expect(await byAlias(client)).toMatchObject({
      name: 'credit-default-model',
      version: '1',
      creation_timestamp: 1795446594320,
      source: 'models:/m-4c1cf4d8503a4008b4b2a6f105a4b061',
      run_id: '5787de31baba4161b474d0b280f1223e',
      tags: new Map([['sha256', 'deadbeef']]),
    });
  });

  it('asks below the path of MLFLOW_TRACKING_URI', async () => {
    let asked: string | undefined;
    await clientFor((request, response) => {
      asked = request.url;
      reply(200, { model_version: VERSION })(request, response);
    });
    await clientOf(`${server.url}/tools/mlflow/`).versionByAlias('a model', 'production', signal);
    expect(asked).toBe('/tools/mlflow/api/2.0/mlflow/registered-models/alias?name=a+model&alias=production');
  });

  it.each([
    ['no credentials', {}, undefined],
    [
      'a user',
      { MLFLOW_TRACKING_USERNAME: 'scoring', MLFLOW_TRACKING_PASSWORD: 'pässword' },
      'Basic c2NvcmluZzpww6Rzc3dvcmQ=',
    ],
    ['a token', { MLFLOW_TRACKING_TOKEN: 't0ken' }, 'Bearer t0ken'],
    [
      'a user rather than a token',
      { MLFLOW_TRACKING_USERNAME: 'u', MLFLOW_TRACKING_PASSWORD: 'p', MLFLOW_TRACKING_TOKEN: 't0ken' },
      'Basic dTpw',
    ],
  ])('sends %s', async (_, env, expected) => {
    let sent: string | undefined;
    const client = await clientFor((request, response) => {
      sent = request.headers.authorization;
      reply(200, { model_version: VERSION })(request, response);
    }, env);
    await byAlias(client);
    expect(sent).toBe(expected);
  });

  describe('tells what went wrong', () => {
    it.each([
      [
        'an alias that is missing',
        400,
        failure('INVALID_PARAMETER_VALUE', 'Registered model alias production not found.'),
        'not-found',
      ],
      ['a model that is missing', 404, failure('RESOURCE_DOES_NOT_EXIST', 'Registered Model not found'), 'not-found'],
      ['another bad parameter', 400, failure('INVALID_PARAMETER_VALUE', "Missing value for 'alias'"), 'invalid-reply'],
      ['credentials that are missing', 401, 'You are not authenticated', 'unauthorized'],
      ['a host name that MLflow does not know', 403, 'Invalid Host header', 'unauthorized'],
      ['a path that is not MLflow', 404, '<!doctype html>', 'invalid-reply'],
      ['a redirect', 302, '', 'invalid-reply'],
      ['too many requests', 429, '', 'server-error'],
      ['a bug of the server', 500, '<!doctype html>', 'server-error'],
      [
        'a database that is down',
        503,
        failure('TEMPORARILY_UNAVAILABLE', 'connection to s3cret refused'),
        'server-error',
      ],
      ['a page of HTML', 200, '<!doctype html>', 'invalid-reply'],
      ['another form', 200, { model_version: { ...VERSION, version: 1 } }, 'invalid-reply'],
      ['a reply that never ends', 200, 'x'.repeat(9 * 1024 * 1024), 'too-large'],
    ])('for %s', async (_, status, body, expected) => {
      expect((await failureOf(reply(status, body))).failure).toBe(expected);
    });

    it('names what is missing', async () => {
      const error = await failureOf(reply(404, failure('RESOURCE_DOES_NOT_EXIST', 'not found')));
      expect(error.message).toBe(
        `MLflow at ${server.url} does not have the alias "production" of the model "credit-default-model": ` +
          'register it or correct MODEL_URI.',
      );
    });

    it("keeps the server's own words to itself", async () => {
      const error = await failureOf(reply(503, failure('TEMPORARILY_UNAVAILABLE', 'password s3cret refused')));
      expect(error.message).toContain('503 TEMPORARILY_UNAVAILABLE');
      expect(error.message).not.toContain('s3cret');
    });

    it('hints at --allowed-hosts for a 403', async () => {
      expect((await failureOf(reply(403, 'Invalid Host header'))).message).toContain('--allowed-hosts');
    });

    it('for a server that accepts and never answers', async () => {
      expect((await failureOf(() => undefined, SHORT_LIMIT)).failure).toBe('timeout');
    });

    it('for a reply that stops half way', async () => {
      const error = await failureOf((_, response) => void response.write('{"model_version":'), SHORT_LIMIT);
      expect(error.failure).toBe('timeout');
    });

    it('for a reply that is cut', async () => {
      const error = await failureOf((_, response: ServerResponse) => {
        response.write('{"model_version":', () => response.destroy());
      });
      expect(error.failure).toBe('incomplete');
    });

    it('for a server that is not there', async () => {
      await clientFor(() => undefined);
      await server.close();
      open.shift();
      await expect(byAlias(clientOf(server.url))).rejects.toMatchObject({
        failure: 'unreachable',
        message: `MLflow at ${server.url} cannot be reached (ECONNREFUSED): check that it runs and MLFLOW_TRACKING_URI.`,
      });
    });

    it('for something that does not speak HTTP', async () => {
      const other = net.createServer((socket) => socket.end('220 mail ready\r\n')).listen(0, '127.0.0.1');
      open.push(other);
      await once(other, 'listening');
      const client = clientOf(`http://127.0.0.1:${(other.address() as AddressInfo).port}`);
      await expect(byAlias(client)).rejects.toMatchObject({ failure: 'invalid-reply' });
    });
  });

  it("gives up at the caller's word, with the caller's reason", async () => {
    const client = await clientFor(() => caller.abort(new Error('shutting down')), {
      MODEL_REGISTRY_TIMEOUT_MS: '60000',
    });
    const caller = new AbortController();
    await expect(client.versionByAlias('m', 'a', caller.signal)).rejects.toThrow('shutting down');
  });

  it('asks again when an idle connection turns out to be closed', async () => {
    const seen = new WeakSet<IncomingMessage['socket']>();
    let requests = 0;
    const client = await clientFor((request, response) => {
      requests += 1;
      if (seen.has(request.socket)) request.socket.resetAndDestroy();
      else reply(200, { model_version: VERSION })(request, response);
      seen.add(request.socket);
    });
    await byAlias(client);
    await expect(byAlias(client)).resolves.toMatchObject({ version: '1' });
    expect(requests).toBe(3);
  });

  it('does not ask again when a new connection is closed', async () => {
    let requests = 0;
    const error = await failureOf((request) => {
      requests += 1;
      request.socket.resetAndDestroy();
    });
    expect(error.failure).toBe('unreachable');
    expect(requests).toBe(1);
  });

  it('searches the newest model that a run logged', async () => {
    let asked: unknown;
    const info = { model_id: 'm-1', name: 'model', artifact_uri: 'mlflow-artifacts:/1/models/m-1/artifacts' };
    const client = await clientFor((request, response) => {
      request.setEncoding('utf8').once('data', (body: string) => {
        asked = JSON.parse(body);
        reply(200, { models: [{ info }] })(request, response);
      });
    });
    const run = { experiment_id: '7', artifact_uri: 'mlflow-artifacts:/7/r/artifacts' };
    expect(await client.modelOfRun('r', run, 'model', signal)).toMatchObject(info);
    expect(asked).toMatchObject({
      experiment_ids: ['7'],
      filter: "name = 'model' AND source_run_id = 'r'",
      max_results: 1,
    });
  });

  it('knows of no model when the run logged none', async () => {
    const client = await clientFor(reply(200, {}));
    const run = { experiment_id: '7', artifact_uri: 'mlflow-artifacts:/7/r/artifacts' };
    expect(await client.modelOfRun('r', run, 'model', signal)).toBeUndefined();
  });

  describe('files', () => {
    it('takes a size that MLflow leaves out for an empty file', async () => {
      const client = await clientFor(reply(200, { files: [{ path: 'empty.txt', is_dir: false }] }));
      expect(await client.listArtifacts('1/models', signal)).toEqual([
        { path: 'empty.txt', is_dir: false, file_size: 0 },
      ]);
    });

    it('lists nothing in a folder that does not exist', async () => {
      expect(await (await clientFor(reply(200, {}))).listArtifacts('nope', signal)).toEqual([]);
    });

    it('streams a file whose path has to be encoded', async () => {
      let asked: string | undefined;
      const client = await clientFor((request, response) => {
        asked = request.url;
        response.end('bytes');
      });
      expect(await text(await client.readArtifact('1/a b/ü?.txt', signal))).toBe('bytes');
      expect(asked).toBe('/api/2.0/mlflow-artifacts/artifacts/1/a%20b/%C3%BC%3F.txt');
    });

    it('does not take an error for a file', async () => {
      const client = await clientFor(reply(500, failure('INTERNAL_ERROR', 'HeadObject: Not Found')));
      await expect(client.readArtifact('1/model.onnx', signal)).rejects.toMatchObject({ failure: 'server-error' });
    });

    it('ends with an error when the connection is cut', async () => {
      const client = await clientFor((_, response) => {
        response.write('half', () => response.destroy());
      });
      await expect(text(await client.readArtifact('1/model.onnx', signal))).rejects.toMatchObject({
        failure: 'incomplete',
      });
    });

    it('may take longer than the time limit of a reply, once it has begun', async () => {
      const client = await clientFor((_, response) => {
        response.write('first ');
        setTimeout(() => response.end('last'), 400);
      }, SHORT_LIMIT);
      expect(await text(await client.readArtifact('1/model.onnx', signal))).toBe('first last');
    });
  });

  describe('over TLS', () => {
    beforeEach(async () => {
      server = await startHttpsServer(reply(200, { model_version: VERSION }));
      open.push(server);
    });

    it('accepts a certificate of the CA in MLFLOW_TRACKING_SERVER_CERT_PATH', async () => {
      const client = clientOf(server.url, { MLFLOW_TRACKING_SERVER_CERT_PATH: TEST_CA_FILE });
      await expect(byAlias(client)).resolves.toMatchObject({ version: '1' });
    });

    it('refuses an unknown certificate and names the variable', async () => {
      await expect(byAlias(clientOf(server.url))).rejects.toMatchObject({
        failure: 'unreachable',
        message: expect.stringContaining('check MLFLOW_TRACKING_SERVER_CERT_PATH'),
      });
    });

    it('accepts any certificate with MLFLOW_TRACKING_INSECURE_TLS', async () => {
      const client = clientOf(server.url, { MLFLOW_TRACKING_INSECURE_TLS: 'true' });
      await expect(byAlias(client)).resolves.toMatchObject({ version: '1' });
    });

    it('does not start with a CA file that cannot be read', () => {
      expect(() => clientOf('https://127.0.0.1:1', { MLFLOW_TRACKING_SERVER_CERT_PATH: 'no-such.pem' })).toThrow(
        'MLFLOW_TRACKING_SERVER_CERT_PATH: cannot read no-such.pem (ENOENT).',
      );
    });
  });
});
