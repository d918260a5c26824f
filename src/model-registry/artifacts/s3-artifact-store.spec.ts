import type { RequestListener } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startHttpServer, startHttpsServer, TEST_CA_FILE, type TestServer } from '../../../test/support/http-server.js';
import { testConfig } from '../../../test/support/test-config.js';
import { S3ArtifactStore } from './s3-artifact-store.js';

const signal = new AbortController().signal;

const error =
  (status: number, code: string): RequestListener =>
  (_request, response) =>
    void response
      .writeHead(status, { 'content-type': 'application/xml' })
      .end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>about the key s3cret</Message></Error>`);

const page = (keys: string[], next?: string): string =>
  `<?xml version="1.0"?><ListBucketResult>${keys
    .map((key) => `<Contents><Key>${key}</Key><Size>3</Size><ETag>"${key.length}"</ETag></Contents>`)
    .join(
      '',
    )}${next ? `<IsTruncated>true</IsTruncated><NextContinuationToken>${next}</NextContinuationToken>` : ''}</ListBucketResult>`;

describe('S3ArtifactStore', () => {
  const open: { close(): unknown }[] = [];
  let server: TestServer;
  // What it takes to load is not to count as time that a store takes to answer.
  beforeAll(() => import('@aws-sdk/client-s3'));
  afterEach(async () => {
    for (const each of open.splice(0).toReversed()) await each.close();
  });

  function storeAt(url: string, env: Record<string, string> = {}): S3ArtifactStore {
    const store = new S3ArtifactStore(
      testConfig({
        MLFLOW_S3_ENDPOINT_URL: url,
        AWS_ACCESS_KEY_ID: 'minio',
        AWS_SECRET_ACCESS_KEY: 's3cret',
        MODEL_REGISTRY_TIMEOUT_MS: '500',
        ...env,
      }),
    );
    open.push({ close: () => store.onApplicationShutdown() });
    return store;
  }

  async function storeFor(listener: RequestListener, env?: Record<string, string>): Promise<S3ArtifactStore> {
    server = await startHttpServer(listener);
    open.push(server);
    return storeAt(server.url, env);
  }

  it('signs for the region that AWS_DEFAULT_REGION names, with the bucket in the path', async () => {
    let asked: { url?: string | undefined; authorization?: string | undefined } = {};
    const store = await storeFor(
      ({ url, headers: { authorization } }, response) => {
        asked = { url, authorization };
        response.end(page([]));
      },
      { AWS_DEFAULT_REGION: 'eu-central-1' },
    );
    await store.list('s3://mlflow/2/model', signal);
    expect(asked.url).toMatch(/^\/mlflow\/?\?list-type=2&prefix=2%2Fmodel%2F$/);
    expect(asked.authorization).toMatch(/Credential=minio\/\d+\/eu-central-1\/s3\//);
  });

  it('lists every page, by the path from the folder, without the markers of empty folders', async () => {
    const store = await storeFor(({ url }, response) => {
      const second = url?.includes('continuation-token=more');
      response.end(second ? page(['2/model/code/x.py']) : page(['2/model/', '2/model/MLmodel'], 'more'));
    });
    expect(await store.list('s3://mlflow/2/model/', signal)).toEqual([
      { path: 'MLmodel', sizeBytes: 3, etag: '"15"' },
      { path: 'code/x.py', sizeBytes: 3, etag: '"17"' },
    ]);
  });

  it('reads a file whose key has to be encoded', async () => {
    let asked: string | undefined;
    const store = await storeFor(({ url }, response) => {
      asked = url;
      response.end('bytes');
    });
    expect(await text(await store.read('s3://mlflow/2/model', 'code/a b.py', signal))).toBe('bytes');
    expect(asked).toMatch(/^\/mlflow\/2\/model\/code\/a%20b.py/);
  });

  it.each([
    ['keys that are wrong', error(403, 'SignatureDoesNotMatch'), 'unauthorized'],
    ['a bucket that is missing', error(404, 'NoSuchBucket'), 'not-found'],
    ['a store with a fault', error(500, 'InternalError'), 'server-error'],
    ['a store that is starting', error(503, 'ServiceUnavailable'), 'server-error'],
    ['another refusal', error(400, 'InvalidArgument'), 'invalid-reply'],
    ['a list of something else', (_, response) => response.end(page(['3/other/x'])), 'invalid-reply'],
    ['what is not XML', (_, response) => response.end('<html'), 'invalid-reply'],
    ['a store that never answers', () => undefined, 'timeout'],
    ['a connection that is reset', ({ socket }) => socket.resetAndDestroy(), 'unreachable'],
  ])('tells what went wrong for %s, without keys', async (_, listener, failure) => {
    const store = await storeFor(listener);
    await expect(store.list('s3://mlflow/2/model', signal)).rejects.toMatchObject({
      failure,
      message: expect.not.stringContaining('s3cret'),
    });
  });

  it('tells of a file that is missing', async () => {
    const store = await storeFor(error(404, 'NoSuchKey'));
    await expect(store.read('s3://mlflow/2/model', 'MLmodel', signal)).rejects.toMatchObject({ failure: 'not-found' });
  });

  it('ends a file with an error when the connection is cut', async () => {
    const store = await storeFor((_, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('half', () => response.destroy());
    });
    const body = await store.read('s3://mlflow/2/model', 'MLmodel', signal);
    await expect(text(body)).rejects.toMatchObject({ failure: 'incomplete' });
  });

  it("gives up at the caller's word, with the caller's reason", async () => {
    const caller = new AbortController();
    const store = await storeFor(() => caller.abort(new Error('shutting down')), {
      MODEL_REGISTRY_TIMEOUT_MS: '60000',
    });
    await expect(store.list('s3://mlflow/2/model', caller.signal)).rejects.toThrow('shutting down');
  });

  it('does not follow a URI without a folder', async () => {
    await expect(storeAt('http://127.0.0.1:1').list('s3://mlflow', signal)).rejects.toMatchObject({
      failure: 'invalid-reply',
    });
  });

  describe('over TLS', () => {
    beforeEach(async () => {
      server = await startHttpsServer((_, response) => response.end(page([])));
      open.push(server);
    });

    it('accepts a certificate of the CA in AWS_CA_BUNDLE', async () => {
      const store = storeAt(server.url, { AWS_CA_BUNDLE: TEST_CA_FILE });
      await expect(store.list('s3://mlflow/2/model', signal)).resolves.toEqual([]);
    });

    it('refuses an unknown certificate and names the variable', async () => {
      await expect(storeAt(server.url).list('s3://mlflow/2/model', signal)).rejects.toMatchObject({
        failure: 'unreachable',
        message: expect.stringContaining('check AWS_CA_BUNDLE'),
      });
    });
  });
});
