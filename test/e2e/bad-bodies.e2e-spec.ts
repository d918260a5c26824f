import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { ErrorCode } from '../../src/common/errors/error-codes.js';
import { fixtureModel } from '../support/fixture-models.js';
import { expectDocumentedProblem, MARKER_NUMBER as N } from '../support/problems.js';
import { rawRequest, type RawRequest } from '../support/raw-request.js';
import { startTestApp } from '../support/test-app.js';

const JSON_TYPE = { 'Content-Type': 'application/json' };
const KIB = 1024;

interface Target {
  route: `POST /${string}`;
  path: string;
  /** A body that is right, with this member added to its row. */
  withMember: (member: string) => string;
  limitBytes: number;
  /** Where a row's reference stands in errors. */
  referencePath: string;
  /** The code for a request without a body: only the batch is parsed by its handler. */
  codeOfNothing: ErrorCode;
}

const PREDICT: Target = {
  route: 'POST /predict',
  path: '/predict',
  withMember: (member) => `{"data":{"features":[${N},0,0]}${member}}`,
  limitBytes: 64 * KIB,
  referencePath: 'reference',
  codeOfNothing: 'INVALID_REQUEST',
};
const BATCH: Target = {
  route: 'POST /predict/batch',
  path: '/predict/batch',
  withMember: (member) => `{"data":[{"features":[${N},0,0]${member}}]}`,
  limitBytes: 16 * KIB * KIB,
  referencePath: 'data.0.reference',
  codeOfNothing: 'INVALID_JSON',
};

let app: NestFastifyApplication;

beforeAll(async () => {
  app = await startTestApp({ MODEL_URI: fixtureModel('lightgbm-small') });
  await app.listen(0, '127.0.0.1');
});
afterAll(() => app.close());

describe.each([PREDICT, BATCH])(
  'A bad body at $route',
  ({ route, path, withMember, limitBytes, referencePath, codeOfNothing }) => {
    const post = (body: RawRequest['body'], headers: RawRequest['headers'] = JSON_TYPE) =>
      rawRequest(app, { method: 'POST', path, headers, ...(body && { body }) });

    it('is not there, and has no content type', async () => {
      expectDocumentedProblem(route, await post([], {}), codeOfNothing);
    });

    it('is empty', async () => {
      const problem = expectDocumentedProblem(route, await post([]), 'INVALID_JSON');
      expect(problem.detail).toMatch(/empty; send a JSON document/);
    });

    it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/xml', 'no type'])(
      'is of the content type %s',
      async (type) => {
        const answer = await post([withMember('')], { 'Content-Type': type });
        const problem = expectDocumentedProblem(route, answer, 'UNSUPPORTED_MEDIA_TYPE');
        expect(problem.detail).toContain('Content-Type: application/json');
      },
    );

    it('says no content type', async () => {
      expectDocumentedProblem(route, await post([withMember('')], {}), 'UNSUPPORTED_MEDIA_TYPE');
    });

    it.each<[string, string | Uint8Array]>([
      ['gzip', gzipSync(withMember(''))],
      ['br', 's3cr3t-marker'],
      ['identity, gzip', gzipSync(withMember(''))],
    ])('is compressed: %s', async (encoding, body) => {
      const answer = await post([body], { ...JSON_TYPE, 'Content-Encoding': encoding });
      const problem = expectDocumentedProblem(route, answer, 'UNSUPPORTED_MEDIA_TYPE');
      expect(problem.detail).toMatch(/^Compressed bodies are not taken\./);
    });

    it('may say that it is not compressed', async () => {
      const { status } = await post([withMember('')], { ...JSON_TYPE, 'Content-Encoding': 'Identity' });
      expect(status).toBe(200);
    });

    it.each<[string, string | Uint8Array]>([
      ['text', 's3cr3t-marker'],
      ['half a document', `{"data":{"features":[${N}`],
      ['invalid UTF-8', Buffer.from(withMember(',"reference":"\u00ff"'), 'latin1')],
      ['a byte-order mark', '\uFEFF' + withMember('')],
      ['a member named __proto__', withMember(',"__proto__":{"admin":"s3cr3t-marker"}')],
      ['constructor.prototype', withMember(',"constructor":{"prototype":{"admin":"s3cr3t-marker"}}')],
    ])('is no JSON between systems: %s', async (_what, body) => {
      expectDocumentedProblem(route, await post([body]), 'INVALID_JSON');
    });

    it.each([
      'null',
      '[]',
      '"s3cr3t-marker"',
      `${N}`,
      '{}',
      '{"data":null}',
      `{"data":${N}}`,
      '{"data":"s3cr3t-marker"}',
    ])('is JSON of another shape: %s', async (body) => {
      const problem = expectDocumentedProblem(route, await post([body]), 'INVALID_REQUEST');
      expect(problem.errors?.length).toBeGreaterThan(0);
    });

    it.each(['"s3cr3t-marker":1', '"toString":1'])(
      'has a member that is not part of the request: %s',
      async (member) => {
        const problem = expectDocumentedProblem(route, await post([withMember(`,${member}`)]), 'INVALID_REQUEST');
        expect(problem.errors).toEqual([{ path: expect.any(String), message: expect.stringMatching(/^has 1 member/) }]);
      },
    );

    it.each([
      ['NUL', '"s3cr3t-marker\\u0000"'],
      ['a line break', '"s3cr3t-marker\\n"'],
      ['a control character beyond ASCII', '"s3cr3t-marker\\u0085"'],
      ['a lone surrogate', '"s3cr3t-marker\\ud800"'],
      ['no character', '""'],
      ['129 characters', `"s3cr3t-marker${'x'.repeat(129 - 's3cr3t-marker'.length)}"`],
      ['another type', `${N}`],
      ['null', 'null'],
    ])('has a reference of %s', async (_what, reference) => {
      const answer = await post([withMember(`,"reference":${reference}`)]);
      const problem = expectDocumentedProblem(route, answer, 'INVALID_REQUEST');
      expect(problem.errors).toEqual([{ path: referencePath, message: expect.any(String) }]);
    });

    it('is over the limit, and says so before it is sent', async () => {
      const headers = { ...JSON_TYPE, 'Content-Length': limitBytes + 1 };
      const answer = await post(undefined, headers);
      expect(expectDocumentedProblem(route, answer, 'PAYLOAD_TOO_LARGE').detail).toContain('64 KiB, but 16 MiB');
    });

    it('is over the limit, and is sent', async () => {
      const body = Buffer.alloc(limitBytes + 1, ' ');
      const answer = await post([body], { ...JSON_TYPE, 'Content-Length': body.byteLength });
      expectDocumentedProblem(route, answer, 'PAYLOAD_TOO_LARGE');
    });

    it('is over the limit, and chunked', async () => {
      const chunk = Buffer.alloc(limitBytes / 2 + 1, ' ');
      expectDocumentedProblem(route, await post([chunk, chunk]), 'PAYLOAD_TOO_LARGE');
    });

    const DEPTH = 30_000;
    it.each<[string, string, ErrorCode]>([
      ['arrays', '['.repeat(DEPTH) + ']'.repeat(DEPTH), 'INVALID_REQUEST'],
      ['objects', '{"a":'.repeat(10_000) + '1' + '}'.repeat(10_000), 'INVALID_REQUEST'],
      ['arrays that never end', '['.repeat(2 * DEPTH), 'INVALID_JSON'],
      ['__proto__ far down', '['.repeat(DEPTH) + '{"__proto__":1}' + ']'.repeat(DEPTH), 'INVALID_JSON'],
    ])('is deeply nested: %s', async (_what, body, code) => {
      expectDocumentedProblem(route, await post([body]), code);
    });
  },
);

const postBatch = (body: string) =>
  rawRequest(app, { method: 'POST', path: BATCH.path, headers: JSON_TYPE, body: [body] });

const batchOf = (n: number) => `{"data":[${Array<string>(n).fill(`{"features":[${N},0,0]}`).join()}]}`;

describe('A bad body at POST /predict/batch alone', () => {
  it('has no rows', async () => {
    const problem = expectDocumentedProblem(BATCH.route, await postBatch(batchOf(0)), 'INVALID_REQUEST');
    expect(problem.errors).toEqual([{ path: 'data', message: expect.stringContaining('>=1') }]);
  });

  it('has 10,001 rows', async () => {
    const problem = expectDocumentedProblem(BATCH.route, await postBatch(batchOf(10_001)), 'INVALID_REQUEST');
    expect(problem.errors).toEqual([{ path: 'data', message: expect.stringContaining('<=10000') }]);
  });

  it('is nested 100,000 arrays deep', async () => {
    const body = `{"data":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    expectDocumentedProblem(BATCH.route, await postBatch(body), 'INVALID_REQUEST');
  });

  it('is bad in every row, and is answered with 20 errors', async () => {
    const body = `{"data":[${Array<string>(10_000).fill('{"s3cr3t-marker":1}').join()}]}`;
    expect(expectDocumentedProblem(BATCH.route, await postBatch(body), 'INVALID_REQUEST').errors).toHaveLength(20);
  });
});
