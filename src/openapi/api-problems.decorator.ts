import { applyDecorators } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import { DomainError } from '../common/errors/domain-error.js';
import { ERROR_CODES, type ErrorCode } from '../common/errors/error-codes.js';
import { PROBLEM_MEDIA_TYPE, problemSchema, toProblem } from '../common/errors/problem.js';
import { headerReferences, type ResponseHeader } from './response-headers.js';
import { schemaReference } from './schema-reference.js';

/** What an answer with a code carries, beside what every answer does. */
const HEADER_OF: Partial<Record<ErrorCode, ResponseHeader>> = {
  UNAUTHORIZED: 'WWW-Authenticate',
  IDEMPOTENCY_IN_PROGRESS: 'Retry-After',
  TOO_MANY_FAILURES: 'Retry-After',
  MODEL_NOT_READY: 'Retry-After',
  REGISTRY_UNAVAILABLE: 'Retry-After',
  PREDICTION_LOG_UNAVAILABLE: 'Retry-After',
  PREDICTION_LOG_FULL: 'Retry-After',
  OVERLOADED: 'Retry-After',
};

/** Documents the errors of a route, and that it may fail: one response per status, with an example per code. */
export function ApiProblems(...codes: ErrorCode[]): MethodDecorator {
  const byStatus = Map.groupBy([...codes, 'INTERNAL_ERROR'] as const, (code) => ERROR_CODES[code].status);
  return applyDecorators(
    ...[...byStatus].map(([status, sameStatus]) =>
      ApiResponse({
        status,
        headers: headerReferences(sameStatus.flatMap((code) => HEADER_OF[code] ?? [])),
        description: sameStatus.map((code) => `\`${code}\`: ${ERROR_CODES[code].title}.`).join(' '),
        content: {
          [PROBLEM_MEDIA_TYPE]: {
            schema: schemaReference(problemSchema),
            examples: Object.fromEntries(sameStatus.map((code) => [code, { value: example(code) }])),
          },
        },
      }),
    ),
  );
}

const example = (code: ErrorCode) =>
  toProblem(new DomainError(code, { detail: `${ERROR_CODES[code].title}.` }), '01968b2e-7c1f-7d3a-9b64-3f1f0a5c2d10');
