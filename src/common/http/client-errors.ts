import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { DomainError } from '../errors/domain-error.js';
import { ERROR_CODES } from '../errors/error-codes.js';
import { PROBLEM_MEDIA_TYPE, toProblem } from '../errors/problem.js';
import { newId } from '../ids/new-id.js';

interface ClientError extends Error {
  /** Of Node.js's HTTP server and its parser. */
  code?: string;
}

/** What makes a request unreadable, before there is a request that anybody could answer. */
export function toClientError({ code }: ClientError): DomainError {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new DomainError('REQUEST_TIMEOUT', { detail: 'Send the whole request within a minute.' });
  }
  if (code === 'HPE_HEADER_OVERFLOW') {
    return new DomainError('HEADERS_TOO_LARGE', { detail: 'Path and headers may have 16 KiB together.' });
  }
  return new DomainError('INVALID_REQUEST', { detail: 'This is not HTTP as RFC 9112 has it. Check what sends it.' });
}

const unreadable = new WeakSet<Socket>();

/** Whether a connection ended with what was answered here. */
export const wasUnreadable = (socket: Socket): boolean => unreadable.has(socket);

/** Answers what is no HTTP request, or none in time, as any other error is answered, and ends the connection. */
export function answerClientError(error: ClientError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  unreadable.add(socket);
  if (socket.writable) {
    const id = newId();
    const told = toClientError(error);
    const { status } = ERROR_CODES[told.code];
    const body = JSON.stringify(toProblem(told, id));
    socket.write(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: ${PROBLEM_MEDIA_TYPE}\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\nX-Request-Id: ${id}\r\nConnection: close\r\n\r\n${body}`,
    );
  }
  socket.destroySoon();
}
