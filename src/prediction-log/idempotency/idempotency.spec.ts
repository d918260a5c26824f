import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Body, Controller, HttpCode, Logger, Post, Req, Res } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { APP_FILTER } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Client } from 'pg';
import { type TestDatabase, testDatabases } from '../../../test/support/database.js';
import { testConfig } from '../../../test/support/test-config.js';
import { DomainError } from '../../common/errors/domain-error.js';
import { ProblemFilter } from '../../common/errors/problem.filter.js';
import { createAdapter } from '../../common/http/create-adapter.js';
import { Database } from '../../database/database.js';
import { PredictionLog } from '../prediction-log.js';
import type { KeyedRequest } from '../prediction-record.js';
import { RequestOrigin } from '../request-origin.js';
import { Idempotency } from './idempotency.js';
import { IdempotencyRecords } from './idempotency-records.js';
import { inProgress } from './in-progress.js';
import { insertClaims, isKeyTaken } from './key-claims.js';

Logger.overrideLogger(false);

type Answer = (body: unknown, keyed: KeyedRequest | undefined) => Promise<{ id: string }>;

/** Scores nothing: what a request is answered is up to the test. */
const answer = jest.fn<Answer>();

@Controller()
class ScoringController {
  constructor(private readonly idempotency: Idempotency) {}

  @Post(['predict', 'predict/batch'])
  @HttpCode(200)
  predict(@Body() body: unknown, @Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply) {
    return this.idempotency.run(request, reply, (keyed) => answer(body, keyed));
  }
}

const openDatabase = testDatabases();
let database: TestDatabase & { client: Client };
const apps: NestFastifyApplication[] = [];

beforeEach(async () => {
  database = await openDatabase();
  answer.mockReset().mockImplementation(committed);
});
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

const CLAIM = insertClaims('ARRAY[$1]', 'ARRAY[$2]', 'ARRAY[$3]', 'ARRAY[$4::bytea]', 'ARRAY[$5]', 'ARRAY[$6::bytea]');

/** Answers with an id of its own, and commits that where the request has a key. */
let answers = 0;
async function committed(_body: unknown, keyed: KeyedRequest | undefined): Promise<{ id: string }> {
  const response = { id: `0000000${++answers}-0000-7000-8000-000000000000` };
  if (keyed) {
    const { caller, key, route, bodyHash } = keyed;
    const values = [caller, key, route, bodyHash, response.id, Buffer.from(JSON.stringify(response))];
    await database.client.query(CLAIM, values).catch((error: unknown) => {
      throw isKeyTaken(error) ? inProgress() : error;
    });
  }
  return response;
}

async function startReplica(env: Record<string, string> = {}) {
  const module = await Test.createTestingModule({
    controllers: [ScoringController],
    providers: [
      Idempotency,
      IdempotencyRecords,
      RequestOrigin,
      Database,
      { provide: ConfigService, useValue: testConfig({ ...database.env, CALLER_HEADER: 'X-Caller', ...env }) },
      { provide: PredictionLog, useValue: { enabled: env['PREDICTION_LOG'] !== 'off' } },
      { provide: APP_FILTER, useClass: ProblemFilter },
    ],
  }).compile();
  const app = module.createNestApplication<NestFastifyApplication>(createAdapter(), {
    bodyParser: false,
    logger: false,
  });
  apps.push(app);
  await app.init();
  return (payload: string, headers: Record<string, string> = { 'idempotency-key': 'key-1' }, url = '/predict') =>
    app.inject({
      method: 'POST',
      url,
      payload,
      headers: { 'content-type': 'application/json', ...headers },
    });
}

const BODY = '{"data":{"features":[1]}}';

/** A first request, which goes on when it may. */
async function begin(predict: Awaited<ReturnType<typeof startReplica>>) {
  const begun = Promise.withResolvers<void>();
  const mayEnd = Promise.withResolvers<void>();
  answer.mockImplementationOnce(async (body, keyed) => {
    begun.resolve();
    await mayEnd.promise;
    return committed(body, keyed);
  });
  const first = predict(BODY);
  await begun.promise;
  return { first, mayEnd: () => mayEnd.resolve() };
}

describe('a request with Idempotency-Key', () => {
  it('that comes again gets the stored answer, on any replica, and is answered once', async () => {
    const [one, other] = [await startReplica(), await startReplica()];
    const first = await one(BODY);
    const second = await other(BODY);
    expect(first.statusCode).toBe(200);
    expect(first.headers).not.toHaveProperty('idempotency-replayed');
    expect(second.statusCode).toBe(200);
    expect(second.headers).toMatchObject({
      'idempotency-replayed': 'true',
      'content-type': 'application/json; charset=utf-8',
    });
    expect(second.body).toBe(first.body);
    expect(answer).toHaveBeenCalledTimes(1);
  });

  it('is compared byte by byte', async () => {
    const predict = await startReplica();
    await predict(BODY);
    const spaced = await predict('{ "data":{"features":[1]}}');
    expect(spaced.statusCode).toBe(422);
    expect(spaced.json()).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
  });

  it('is another one at another path', async () => {
    const predict = await startReplica();
    await predict(BODY);
    const batch = await predict(BODY, undefined, '/predict/batch');
    expect(batch.statusCode).toBe(422);
    expect(batch.json()).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
  });

  it('is known by its body where the release before answered it', async () => {
    const predict = await startReplica();
    const first = await predict(BODY);
    await database.client.query('UPDATE idempotency_records SET route = NULL');
    expect((await predict(BODY)).body).toBe(first.body);
  });

  it('gets 409 with Retry-After while the same instance answers the first one', async () => {
    const predict = await startReplica();
    const { first, mayEnd } = await begin(predict);
    const second = await predict(BODY);
    expect(second.statusCode).toBe(409);
    expect(second.headers['retry-after']).toBe('1');
    expect(second.json()).toMatchObject({ code: 'IDEMPOTENCY_IN_PROGRESS' });
    expect((await predict('{}')).json()).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
    mayEnd();
    expect((await first).statusCode).toBe(200);
    expect((await predict(BODY)).body).toBe((await first).body);
  });

  it('gets the answer of the one that was recorded, where two instances answer at the same time', async () => {
    const [one, other] = [await startReplica(), await startReplica()];
    const { first, mayEnd } = await begin(one);
    const second = await other(BODY);
    expect(second.statusCode).toBe(200);
    mayEnd();
    expect((await first).body).toBe(second.body);
    expect((await first).headers).toMatchObject({ 'idempotency-replayed': 'true' });
    expect(answer).toHaveBeenCalledTimes(2);
  });

  it('may be put right and tried again after it was refused', async () => {
    const predict = await startReplica();
    answer.mockRejectedValueOnce(new DomainError('FEATURES_MISMATCH', { detail: 'One feature is missing.' }));
    expect((await predict(BODY)).statusCode).toBe(422);
    const corrected = await predict('{"data":{"features":[1,2]}}');
    expect(corrected.statusCode).toBe(200);
    expect(corrected.headers).not.toHaveProperty('idempotency-replayed');
  });

  it('of another caller is another one', async () => {
    const predict = await startReplica();
    const shop = await predict(BODY, { 'idempotency-key': 'key-1', 'x-caller': 'web-shop' });
    const branch = await predict(BODY, { 'idempotency-key': 'key-1', 'x-caller': 'branch-7' });
    expect(branch.body).not.toBe(shop.body);
  });

  it('is refused when its key has no proper form', async () => {
    const predict = await startReplica();
    const refused = await predict(BODY, { 'idempotency-key': 'a b' });
    expect(refused.statusCode).toBe(400);
    expect(answer).not.toHaveBeenCalled();
  });

  it('is refused where nothing is recorded', async () => {
    const predict = await startReplica({ PREDICTION_LOG: 'off' });
    const refused = await predict(BODY);
    expect(refused.statusCode).toBe(400);
    expect(refused.json()).toMatchObject({ code: 'IDEMPOTENCY_UNSUPPORTED' });
  });
});

describe('a request without Idempotency-Key', () => {
  it('is answered anew each time, and needs no database', async () => {
    const predict = await startReplica({ PREDICTION_LOG: 'off' });
    const [first, second] = [await predict(BODY, {}), await predict(BODY, {})];
    expect(first.statusCode).toBe(200);
    expect(second.body).not.toBe(first.body);
    expect(answer).toHaveBeenCalledWith(JSON.parse(BODY), undefined);
  });
});
