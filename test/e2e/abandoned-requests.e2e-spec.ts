import { once } from 'node:events';
import net from 'node:net';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { PredictionService } from '../../src/prediction/prediction.service.js';
import { eventually } from '../support/eventually.js';
import { fixtureModel } from '../support/fixture-models.js';
import { samplesOf } from '../support/metric-samples.js';
import { startTestApp } from '../support/test-app.js';

const BODY = '{"data":{"features":[50,0.5,1]}}';
const HEAD = `POST /predict HTTP/1.1\r\nHost: service\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n`;

let app: NestFastifyApplication;
let socket: net.Socket;

beforeEach(async () => {
  app = await startTestApp({ MODEL_URI: fixtureModel('lightgbm-small') });
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as { port: number };
  socket = net.connect(port, '127.0.0.1');
});
afterEach(() => app.close());

const inFlight = async () => (await samplesOf('http_requests_in_flight'))[0]!.value;

const ABANDONED = { labels: { method: 'POST', route: '/predict', status: '499' }, value: 1 };

describe('A request whose connection ends before its answer was sent', () => {
  it('is counted once, under its route, while its answer is waited for', async () => {
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<never>();
    jest.spyOn(app.get(PredictionService), 'predict').mockImplementation(() => {
      asked.resolve();
      return answer.promise;
    });
    socket.write(HEAD + BODY);
    await asked.promise;
    socket.destroy();
    await eventually(async () => expect(await samplesOf('http_requests_total')).toEqual([ABANDONED]));
    expect(await inFlight()).toBe(0);
    answer.reject(new Error('Nobody is told.'));
    await new Promise(setImmediate);
    expect(await samplesOf('http_requests_total')).toEqual([ABANDONED]);
  });

  it('is counted once, under its route, while its body is on the way', async () => {
    socket.write(HEAD + BODY.slice(1));
    await eventually(async () => expect(await inFlight()).toBe(1));
    socket.resetAndDestroy();
    await eventually(async () => expect(await samplesOf('http_requests_total')).toEqual([ABANDONED]));
    expect(await inFlight()).toBe(0);
  });

  it('is not counted so when it was answered that its body cannot be read', async () => {
    socket.resume().write(HEAD + BODY.slice(1));
    await eventually(async () => expect(await inFlight()).toBe(1));
    socket.end();
    await once(socket, 'close');
    await eventually(async () => expect(await inFlight()).toBe(0));
    expect(await samplesOf('http_requests_total')).toEqual([
      { labels: { method: 'unread', route: 'unmatched', status: '400' }, value: 1 },
    ]);
  });
});
