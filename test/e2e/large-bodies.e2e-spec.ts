import { once } from 'node:events';
import http from 'node:http';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import request from 'supertest';
import { BatchService } from '../../src/prediction/batch/batch.service.js';
import { predictBatchResponseSchema } from '../../src/prediction/prediction.schemas.js';
import { eventually } from '../support/eventually.js';
import { startTestApp } from '../support/test-app.js';

const ROWS = 10_000;
const CLIENT = [50_000, 0, 0, 0, 0, 0.4, 0.35, 0.05, 1800, 0.1];
/** Out of every range, which makes a reply of 7 MB: more than the system takes for a client that does not read. */
const STRANGE = CLIENT.map(() => -1e9);

let app: NestFastifyApplication;

beforeAll(async () => {
  app = await startTestApp({ MODEL_URI: 'file:ml/model' });
  await app.listen(0, '127.0.0.1');
});
afterEach(() => void jest.restoreAllMocks());
afterAll(() => app.close());

const batchOf = (features: number[]) => ({ data: Array.from({ length: ROWS }, () => ({ features })) });

const post = (body: unknown) =>
  request(app.getHttpServer())
    .post('/predict/batch')
    .send(body as object);

/** What the service read from its sockets, and what it answered. */
function watchMemory() {
  const replies: Uint8Array[] = [];
  const batches = app.get(BatchService);
  const predict = batches.predict.bind(batches);
  jest.spyOn(batches, 'predict').mockImplementation(async (...given) => {
    const reply = await predict(...given);
    replies.push(reply);
    return reply;
  });
  const chunks: Uint8Array[] = [];
  app.getHttpServer().once('request', (received: http.IncomingMessage) => {
    received.on('data', (chunk: Uint8Array) => chunks.push(chunk));
  });
  return { replies, chunks };
}

describe('The memory of a large batch', () => {
  it('is given back once it was read, and once it was sent', async () => {
    const { replies, chunks } = watchMemory();
    expect((await post(batchOf(CLIENT))).status).toBe(200);
    expect(replies).toHaveLength(1);
    expect(chunks.length).toBeGreaterThan(0);
    await eventually(() => expect(replies[0]!.byteLength).toBe(0));
    for (const { byteLength } of chunks) expect(byteLength).toBe(0);
  });

  it('is kept until a client that reads slowly has all of it', async () => {
    const slow = await sendAndPause(batchOf(STRANGE));
    const others = await Promise.all(Array.from({ length: 4 }, () => post(batchOf(CLIENT))));
    expect(others.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(slow.unsentBytes()).toBeGreaterThan(0);

    const { predictions } = predictBatchResponseSchema.strict().parse(JSON.parse(await slow.read()));
    expect(predictions).toHaveLength(ROWS);
    expect(new Set(predictions.map(({ probability }) => probability)).size).toBe(1);
  });

  it('is not kept for what comes after the answer', async () => {
    const { chunks } = watchMemory();
    const client = http.request(`${await app.getUrl()}/predict/batch`, {
      method: 'POST',
      agent: false,
      headers: { 'Content-Type': 'text/plain', 'Transfer-Encoding': 'chunked', Connection: 'keep-alive' },
    });
    client.flushHeaders();
    const [response] = (await once(client, 'response')) as [http.IncomingMessage];
    expect(response.statusCode).toBe(415);
    client.end(Buffer.alloc(100_000));
    await eventually(() => expect(chunks.length).toBeGreaterThan(0));
    // Freed is what was kept to the end of the request.
    for (const { byteLength } of chunks) expect(byteLength).toBeGreaterThan(0);
  });
});

/** Sends a batch, and reads none of what is answered until it is told to. */
async function sendAndPause(body: unknown) {
  const connected = once(app.getHttpServer(), 'connection') as Promise<[Socket]>;
  const client = http.request(`${await app.getUrl()}/predict/batch`, {
    method: 'POST',
    agent: false,
    headers: { 'Content-Type': 'application/json' },
  });
  client.end(JSON.stringify(body));
  const [socket] = await connected;
  const [response] = (await once(client, 'response')) as [http.IncomingMessage];
  response.pause();
  return { unsentBytes: () => socket.writableLength, read: () => text(response) };
}
