import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import request from 'supertest';
import type { ErrorCode } from '../../src/common/errors/error-codes.js';
import { fixtureModel } from '../support/fixture-models.js';
import { expectDocumentedProblem, MARKER_NUMBER as N } from '../support/problems.js';
import { startTestApp } from '../support/test-app.js';

/** What stands for `features` in the request, as JSON text; the model takes credit_limit, utilisation, months_late. */
const BAD_FEATURES: [what: string, features: string, code: ErrorCode, path: string, message: RegExp][] = [
  ['too few values', `[${N}, 0]`, 'FEATURES_MISMATCH', '', /has 2 values, the model takes 3/],
  ['too many values', `[${N}, 0, 0, 0]`, 'FEATURES_MISMATCH', '', /has 4 values, the model takes 3/],
  ['no values', '[]', 'FEATURES_MISMATCH', '', /has 0 values, the model takes 3/],
  ['a missing name', `{"credit_limit":${N},"utilisation":0}`, 'FEATURES_MISMATCH', '.months_late', /is missing/],
  [
    'an unknown name',
    `{"credit_limit":${N},"utilisation":0,"months_late":0,"s3cr3t-marker":0}`,
    'FEATURES_MISMATCH',
    '',
    /1 name\(s\) that are not inputs/,
  ],
  ['null where it is not allowed', `[null, ${N}, 0]`, 'FEATURES_MISMATCH', '.0', /may not be null/],
  ['a number beyond float32', `[1e39, ${N}, 0]`, 'FEATURES_MISMATCH', '.0', /32-bit float/],
  ['a number beyond float64', `[${N}, 1e400, 0]`, 'INVALID_REQUEST', '.1', /must be a finite number/],
  ['a string', `["s3cr3t-marker", ${N}, 0]`, 'INVALID_REQUEST', '.0', /must be a number/],
  ['a number in a string', `["${N}", 0, 0]`, 'INVALID_REQUEST', '.0', /must be a number/],
  ['a boolean', `[${N}, 0, true]`, 'INVALID_REQUEST', '.2', /must be a number/],
  ['a nested array', `[[${N}], 0, 0]`, 'INVALID_REQUEST', '.0', /must be a number/],
  [
    'a string by name',
    `{"credit_limit":"${N}","utilisation":0,"months_late":0}`,
    'INVALID_REQUEST',
    '.credit_limit',
    /must be a number/,
  ],
  ['a bare number', `${N}`, 'INVALID_REQUEST', '', /array of numbers or an object/],
  ['a bare string', '"s3cr3t-marker"', 'INVALID_REQUEST', '', /array of numbers or an object/],
  ['null', 'null', 'INVALID_REQUEST', '', /array of numbers or an object/],
];

const GOOD_ROW = '{"features":[50, 0.5, 1]}';
const batch = (rows: string[]) => `{"data":[${rows.join()}]}`;

/** Where bad features can stand; a large batch is answered by a worker thread. */
const REQUESTS: [what: string, route: `POST /${string}`, body: (features: string) => string, path: string][] = [
  ['a single row', 'POST /predict', (features) => `{"data":{"features":${features}}}`, 'data.features'],
  [
    'one row of a small batch',
    'POST /predict/batch',
    (features) => batch([GOOD_ROW, `{"features":${features}}`, GOOD_ROW]),
    'data.1.features',
  ],
  [
    'one row of a large batch',
    'POST /predict/batch',
    (features) => batch(Array.from({ length: 1000 }, (_, i) => (i === 777 ? `{"features":${features}}` : GOOD_ROW))),
    'data.777.features',
  ],
];

let app: NestFastifyApplication;

beforeAll(async () => {
  app = await startTestApp({ MODEL_URI: fixtureModel('lightgbm-small') });
});
afterAll(() => app.close());

describe.each(REQUESTS)('Bad features in %s', (_what, route, body, place) => {
  const send = (features: string) =>
    request(app.getHttpServer())
      .post(route.split(' ')[1]!)
      .set('Content-Type', 'application/json')
      .send(body(features));

  it.each(BAD_FEATURES)('are refused: %s', async (_kind, features, code, path, message) => {
    const problem = expectDocumentedProblem(route, await send(features), code);
    expect(problem.errors).toContainEqual({ path: place + path, message: expect.stringMatching(message) });
  });

  it.each(['NaN', 'Infinity', '-Infinity'])('are refused as JSON: %s', async (literal) => {
    expectDocumentedProblem(route, await send(`[${literal}, ${N}, 0]`), 'INVALID_JSON');
  });

  it('are refused without features at all', async () => {
    const withoutFeatures = body('0').replace('"features":0', '');
    const answer = await request(app.getHttpServer())
      .post(route.split(' ')[1]!)
      .set('Content-Type', 'application/json')
      .send(withoutFeatures);
    const problem = expectDocumentedProblem(route, answer, 'INVALID_REQUEST');
    expect(problem.errors).toContainEqual({ path: place, message: expect.any(String) });
  });

  it('that do not fit are answered with what the model takes', async () => {
    const problem = expectDocumentedProblem(route, await send('[1]'), 'FEATURES_MISMATCH');
    expect(problem.detail).toContain('3 features, in this order or by name: credit_limit, utilisation, months_late.');
  });
});
