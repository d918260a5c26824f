import { BadRequestException, InternalServerErrorException, NotFoundException } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { DomainError } from './domain-error.js';
import { toDomainError } from './to-domain-error.js';

const withStatus = (statusCode: unknown) => Object.assign(new Error('s3cr3t-marker'), { statusCode });

describe('toDomainError', () => {
  it('leaves a DomainError as it is', () => {
    const error = new DomainError('OVERLOADED', { detail: 'Busy.' });
    expect(toDomainError(error)).toBe(error);
  });

  it.each([
    ['a 400 of Nest', new BadRequestException('s3cr3t-marker'), 'INVALID_REQUEST'],
    ['a 404 of Nest', new NotFoundException('s3cr3t-marker'), 'ROUTE_NOT_FOUND'],
    ['a 400 of Fastify', withStatus(400), 'INVALID_REQUEST'],
    ['a 404 of Fastify', withStatus(404), 'ROUTE_NOT_FOUND'],
    ['a 413 of Fastify', withStatus(413), 'PAYLOAD_TOO_LARGE'],
    ['a 414 of Fastify', withStatus(414), 'INVALID_REQUEST'],
    ['a 415 of Fastify', withStatus(415), 'UNSUPPORTED_MEDIA_TYPE'],
    ['a 500 of Nest', new InternalServerErrorException('s3cr3t-marker'), 'INTERNAL_ERROR'],
    ['a 503 of Fastify', withStatus(503), 'INTERNAL_ERROR'],
    ['what is thrown with a status but is no error', { statusCode: 400 }, 'INVALID_REQUEST'],
    ['a status that is not a number', withStatus('404'), 'INTERNAL_ERROR'],
    ['an error that nobody foresaw', new TypeError('s3cr3t-marker'), 'INTERNAL_ERROR'],
    ['something that is not an error', 's3cr3t-marker', 'INTERNAL_ERROR'],
    ['undefined', undefined, 'INTERNAL_ERROR'],
  ])('gives %s its code, keeps it as the cause and its message to itself', (_what, thrown, code) => {
    const error = toDomainError(thrown);
    expect(error).toBeInstanceOf(DomainError);
    expect(error.code).toBe(code);
    expect(error.cause).toBe(thrown);
    expect(error.message).not.toContain('s3cr3t-marker');
  });
});
