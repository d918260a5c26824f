import { once } from 'node:events';
import net from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { problemSchema } from '../../src/common/errors/problem.js';
import { fixtureModel } from '../support/fixture-models.js';
import { samplesOf } from '../support/metric-samples.js';
import { startTestApp } from '../support/test-app.js';

let app: NestFastifyApplication;

beforeAll(async () => {
  app = await startTestApp({ MODEL_URI: fixtureModel('lightgbm-small') });
  await app.listen(0, '127.0.0.1');
});
afterAll(() => app.close());

/** @returns all that comes back until the service ends the connection */
async function answerTo(sent: string): Promise<{ head: string; body: string }> {
  const { port } = app.getHttpServer().address() as { port: number };
  const socket = net.connect(port, '127.0.0.1');
  let answer = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
  socket.write(sent);
  await once(socket, 'close');
  const [head = '', body = ''] = answer.split('\r\n\r\n');
  return { head, body };
}

const POST = 'POST /predict HTTP/1.1\r\nHost: service\r\nContent-Type: application/json\r\n';

describe('What is no HTTP request is answered by a problem document', () => {
  it.each([
    ['no HTTP at all', 's3cr3t-marker\r\n\r\n', 'INVALID_REQUEST', 400],
    ['an unknown method', 'S3CR3T-MARKER / HTTP/1.1\r\nHost: service\r\n\r\n', 'INVALID_REQUEST', 400],
    ['two lengths', `${POST}Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}`, 'INVALID_REQUEST', 400],
    [
      'a length and chunks',
      `${POST}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      'INVALID_REQUEST',
      400,
    ],
    ['a broken chunk', `${POST}Transfer-Encoding: chunked\r\n\r\ns3cr3t-marker\r\n`, 'INVALID_REQUEST', 400],
    ['headers without end', `${POST}X-Long: ${'s3cr3t-marker'.repeat(2000)}\r\n\r\n`, 'HEADERS_TOO_LARGE', 431],
  ])('%s', async (_what, sent, code, status) => {
    const { head, body } = await answerTo(sent);
    const problem = problemSchema.parse(JSON.parse(body));
    expect(problem).toMatchObject({ code, status });
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(head).toContain('Content-Type: application/problem+json');
    expect(head).toContain(`X-Request-Id: ${problem.requestId}`);
    expect(body.toLowerCase()).not.toContain('s3cr3t-marker');
  });

  it('and is counted', async () => {
    await answerTo('no HTTP\r\n\r\n');
    const unread = (await samplesOf('http_requests_total')).filter(({ labels }) => labels['method'] === 'unread');
    expect(unread).toContainEqual(
      expect.objectContaining({ labels: { method: 'unread', route: 'unmatched', status: '400' } }),
    );
  });
});
