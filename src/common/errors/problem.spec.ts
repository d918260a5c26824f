import { describe, expect, it } from '@jest/globals';
import { DomainError } from './domain-error.js';
import { ERROR_CODES, type ErrorCode } from './error-codes.js';
import { problemSchema, toProblem } from './problem.js';

describe('toProblem', () => {
  it.each(Object.keys(ERROR_CODES) as ErrorCode[])('writes %s as RFC 9457 says', (code) => {
    const problem = toProblem(new DomainError(code, { detail: 'What happened.' }), 'request-1');
    expect(problemSchema.parse(problem)).toEqual({
      type: `urn:credit-default-service:problem:${code.toLowerCase().replaceAll('_', '-')}`,
      title: ERROR_CODES[code].title,
      status: ERROR_CODES[code].status,
      detail: 'What happened.',
      code,
      requestId: 'request-1',
    });
  });

  it('lists at most 20 of the things that are wrong', () => {
    const errors = Array.from({ length: 25 }, (_, i) => ({ path: `data.${i}`, message: 'is missing' }));
    const problem = toProblem(new DomainError('FEATURES_MISMATCH', { detail: '-', errors }), 'request-1');
    expect(problem.errors).toEqual(errors.slice(0, 20));
  });

  it('does not tell the cause', () => {
    const error = new DomainError('INTERNAL_ERROR', { detail: '-', cause: new Error('s3cr3t-marker') });
    expect(JSON.stringify(toProblem(error, 'request-1'))).not.toContain('s3cr3t-marker');
  });
});
