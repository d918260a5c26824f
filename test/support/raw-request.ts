import http from 'node:http';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { ProblemAnswer } from './problems.js';

export interface RawRequest {
  method?: string;
  /** Sent as it is, also when it is no valid path. */
  path: string;
  headers?: http.OutgoingHttpHeaders;
  /** Without a Content-Length among the headers, several chunks are sent chunked. */
  body?: (string | Uint8Array)[];
}

/** Sends bytes that supertest cannot send to an application that listens. */
export function rawRequest(app: NestFastifyApplication, { body = [], ...options }: RawRequest): Promise<ProblemAnswer> {
  const { address, port } = app.getHttpServer().address() as { address: string; port: number };
  return new Promise((resolve, reject) => {
    const request = http.request({ host: address, port, agent: false, ...options }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.once('end', () => resolve({ status: response.statusCode!, headers: response.headers, text }));
    });
    request.once('error', reject);
    for (const chunk of body) request.write(chunk);
    request.end();
  });
}
