import { once } from 'node:events';
import http from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import request from 'supertest';
import { type PredictBatchResponse, predictBatchResponseSchema } from '../../src/prediction/prediction.schemas.js';
import { expectedOf, fixtureModel } from '../support/fixture-models.js';
import { expectDocumentedProblem } from '../support/problems.js';
import { startTestApp } from '../support/test-app.js';

const { inputs } = expectedOf('lightgbm-small');

/** Enough for a body over 16 KiB, which a worker thread answers. */
const LARGE = 1000;

const rowsOf = (n: number) => Array.from({ length: n }, (_, i) => ({ features: inputs[i % inputs.length]! }));

let app: NestFastifyApplication;

beforeAll(async () => {
  app = await startTestApp({ MODEL_URI: fixtureModel('lightgbm-small'), BATCH_MAX_PENDING: '1' });
  await app.listen(0, '127.0.0.1');
});
afterAll(() => app.close());

const post = (data: unknown) => request(app.getHttpServer()).post('/predict/batch').send({ data });

async function predictBatch(data: unknown): Promise<PredictBatchResponse> {
  const answer = await post(data);
  expect(answer.status).toBe(200);
  expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
  return predictBatchResponseSchema.strict().parse(answer.body);
}

describe('POST /predict/batch', () => {
  it('gives a row the same bits alone, in a small batch and in a large one', async () => {
    const small = await predictBatch(rowsOf(inputs.length));
    const large = await predictBatch(rowsOf(LARGE));
    expect(large.predictions).toHaveLength(LARGE);
    for (const [i, { features }] of rowsOf(LARGE).entries()) {
      expect(large.predictions[i]!.probability).toBe(small.predictions[i % inputs.length]!.probability);
      if (i >= inputs.length) continue;
      const single = await request(app.getHttpServer()).post('/predict').send({ data: { features } });
      expect(small.predictions[i]!.probability).toBe(single.body.probability);
      expect(small.model).toEqual(single.body.model);
    }
  });

  it.each([6, LARGE])('decides each of %i rows by the threshold of the model', async (n) => {
    const { predictions, threshold } = await predictBatch(rowsOf(n));
    expect(threshold).toBe(0.25);
    for (const { prediction, probability } of predictions) expect(prediction).toBe(probability >= threshold ? 1 : 0);
  });

  it.each([6, LARGE])('gives each of %i rows an id of its own, in their order', async (n) => {
    const ids = (await predictBatch(rowsOf(n))).predictions.map(({ id }) => id);
    expect(new Set(ids).size).toBe(n);
    expect(ids.toSorted()).toEqual(ids);
  });

  it.each([1, LARGE])(
    'takes rows of both forms, nulls and references, and warns per row (%i times over)',
    async (n) => {
      const rows = [
        { features: [-1, null, 1], reference: 'first' },
        { features: { months_late: 1, utilisation: null, credit_limit: 40 } },
      ];
      const { predictions } = await predictBatch(Array.from({ length: n }, () => rows).flat());
      expect(predictions).toHaveLength(2 * n);
      expect(predictions.at(-2)!.warnings).toEqual([{ feature: 'credit_limit', code: 'OUT_OF_RANGE' }]);
      expect(predictions.at(-1)!).not.toHaveProperty('warnings');
    },
  );

  it('takes 10,000 rows', async () => {
    expect((await predictBatch(rowsOf(10_000))).predictions).toHaveLength(10_000);
  });
});

describe('As many large batches as BATCH_MAX_PENDING', () => {
  it('make one more come back later; small ones and single rows pass, and so does the next when one is done', async () => {
    const held = await holdBatchOpen();

    const refused = await post(rowsOf(LARGE));
    expectDocumentedProblem('POST /predict/batch', refused, 'OVERLOADED');
    expect(refused.headers['retry-after']).toBe('1');
    const { text: metrics } = await request(app.getHttpServer()).get('/metrics');
    expect(metrics).toContain('requests_shed_total{reason="large_batches"} 1\n');
    expect((await post(rowsOf(6))).status).toBe(200);
    expect(
      (
        await request(app.getHttpServer())
          .post('/predict')
          .send({ data: rowsOf(1)[0] })
      ).status,
    ).toBe(200);

    expect(await held.finish()).toBe(200);
    expect((await post(rowsOf(LARGE))).status).toBe(200);
  });

  it('leave room again when a client goes away', async () => {
    const held = await holdBatchOpen();
    await held.abandon();
    expect((await post(rowsOf(LARGE))).status).toBe(200);
  });

  it('are no failure of the service when a client goes away', async () => {
    const held = await holdBatchOpen();
    await held.abandon();
    const { text: metrics } = await request(app.getHttpServer()).get('/metrics');
    expect(metrics).not.toContain('status="500"');
  });
});

/** A batch whose body has only begun to arrive when this resolves. */
async function holdBatchOpen() {
  const server = app.getHttpServer();
  const client = http.request(`${await app.getUrl()}/predict/batch`, {
    method: 'POST',
    agent: false,
    headers: { 'Content-Type': 'application/json' },
  });
  client.write('{"data":');
  // Fastify listens first, so the request was admitted when this listener is called.
  const [, reply] = (await once(server, 'request')) as [http.IncomingMessage, http.ServerResponse];
  return {
    finish: async (): Promise<number | undefined> => {
      const answered = once(client, 'response') as Promise<[http.IncomingMessage]>;
      client.end(`${JSON.stringify(rowsOf(1))}}`);
      const [response] = await answered;
      await once(response.resume(), 'end');
      return response.statusCode;
    },
    abandon: async (): Promise<void> => {
      client.on('error', () => undefined);
      client.destroy();
      await once(reply, 'close');
    },
  };
}
