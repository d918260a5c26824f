import { once } from 'node:events';
import net from 'node:net';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type BuiltService, startBuiltService } from '../support/built-service.js';
import { eventually } from '../support/eventually.js';
import { fixtureModel } from '../support/fixture-models.js';
import { MARKER_NUMBER as N, MARKER_TEXT } from '../support/problems.js';

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';

const batchOf = (n: number, row: string) => `{"data":[${Array<string>(n).fill(row).join()}]}`;

/** Requests that carry the markers in every place where a client can put something. */
const REQUESTS: [method: string, path: string, body?: string][] = [
  ['POST', '/predict', `{"data":{"features":[${N},0,0]},"reference":"${MARKER_TEXT}"}`],
  ['POST', '/predict', `{"data":{"features":["${MARKER_TEXT}",${N},0]}}`],
  ['POST', '/predict', `{"data":{"features":{"${MARKER_TEXT}":${N}}}}`],
  ['POST', '/predict', `{"data":{"features":[${N},0,0]},"${MARKER_TEXT}":1}`],
  ['POST', '/predict', `{"data": ${MARKER_TEXT} ${N}`],
  ['POST', '/predict/batch', batchOf(2, `{"features":[${N},0,0],"reference":"${MARKER_TEXT}"}`)],
  ['POST', '/predict/batch', batchOf(2, `{"features":["${MARKER_TEXT}",${N},0]}`)],
  ['POST', '/predict/batch', batchOf(1000, `{"features":[${N},0,0],"reference":"${MARKER_TEXT}"}`)],
  ['POST', '/predict/batch', batchOf(1000, `{"features":["${MARKER_TEXT}",${N},0]}`)],
  ['POST', `/predict?q=${MARKER_TEXT}`, `{"data":{"features":[${N},0,0]}}`],
  ['GET', `/${MARKER_TEXT}/${N}`],
  ['GET', `/%zz${MARKER_TEXT}`],
  ['GET', `/boom?q=${MARKER_TEXT}`],
];

/** Sends the head of a request, and cuts the connection once the service asks for the body. */
async function abandonRequest(url: string): Promise<void> {
  const { port, hostname } = new URL(url);
  const socket = net.connect(Number(port), hostname);
  socket.write(
    `POST /predict?q=${MARKER_TEXT} HTTP/1.1\r\nHost: service\r\nContent-Type: application/json\r\nContent-Length: 9\r\n` +
      'Expect: 100-continue\r\nX-Request-Id: abandoned\r\n\r\n',
  );
  await once(socket, 'data');
  socket.resetAndDestroy();
}

describe('The log at LOG_LEVEL=debug', () => {
  let service: BuiltService;
  let exitCode: number;

  beforeAll(async () => {
    service = await startBuiltService({ MODEL_URI: fixtureModel('lightgbm-small'), LOG_LEVEL: 'debug' });
    try {
      for (const [i, [method, path, body]] of REQUESTS.entries()) {
        const response = await fetch(service.url + path, {
          method,
          headers: {
            'Content-Type': 'application/json',
            'X-Request-Id': `request-${i}`,
            Authorization: `Bearer ${MARKER_TEXT}`,
            Cookie: `session=${MARKER_TEXT}`,
            'User-Agent': MARKER_TEXT,
            traceparent: `00-${TRACE_ID}-00f067aa0ba902b7-01`,
          },
          ...(body !== undefined && { body }),
        });
        await response.arrayBuffer();
      }
      await abandonRequest(service.url);
      await eventually(() => {
        if (!service.logs().includes('"requestId":"abandoned"')) throw new Error('Nothing is told of it.');
      });
    } finally {
      // Everything that is logged has been written when the process has ended.
      exitCode = await service.stop();
    }
  });

  const lines = () =>
    service
      .logs()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  it('holds no value, reference, name, path, query string or header of a client', () => {
    expect(exitCode).toBe(0);
    expect(service.logs()).not.toContain(MARKER_TEXT);
    expect(service.logs()).not.toContain(String(N));
  });

  it('has a line for each request that was answered, with its request id and trace id', () => {
    const answered = lines().filter(({ message }) => message === 'Request answered');
    expect(answered.map(({ requestId }) => requestId)).toEqual(REQUESTS.map((_, i) => `request-${i}`));
    for (const line of answered) {
      expect(line).toMatchObject({ traceId: TRACE_ID, route: expect.any(String), httpStatus: expect.any(Number) });
    }
  });

  it('has a line for a request whose connection ended before its answer was sent', () => {
    expect(lines().filter(({ requestId }) => requestId === 'abandoned')).toEqual([
      expect.objectContaining({
        level: 'log',
        message: 'The connection ended before the answer was sent',
        method: 'POST',
        route: '/predict',
        httpStatus: 499,
        durationMs: expect.any(Number),
      }),
    ]);
  });

  it('has the stack of a failure, to find its cause by', () => {
    const failures = service
      .logs()
      .split('\n')
      .filter((line) => line.includes('"message":"Request failed"'));
    expect(failures).toHaveLength(1);
    expect(JSON.parse(failures[0]!)).toMatchObject({
      requestId: `request-${REQUESTS.length - 1}`,
      traceId: TRACE_ID,
      stack: expect.stringMatching(/GET \/boom was called\n\s+at BoomController/),
    });
  });
});
