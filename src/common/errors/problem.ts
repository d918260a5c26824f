import { z } from 'zod';
import { DomainError } from './domain-error.js';
import { ERROR_CODES, type ErrorCode } from './error-codes.js';

const errorCodes = Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]];

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** The body of every error: RFC 9457 "problem details" with `code`, `requestId` and, for bad input, `errors`. */
export const problemSchema = z
  .object({
    type: z.string().describe('A URN that names the kind of problem.'),
    title: z.string(),
    status: z.int(),
    detail: z.string().describe('What happened and what to do.'),
    code: z.enum(errorCodes).describe('Stable; switch on this.'),
    requestId: z.string().describe('The X-Request-Id of the request, to find it in the logs.'),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .describe('What is wrong with the input, and where. At most 20 entries.'),
  })
  .meta({ id: 'Problem' });

export type Problem = z.infer<typeof problemSchema>;

/** Enough to put a request right; a batch of 10,000 bad rows must not be answered with 10,000 errors. */
const MAX_ERRORS = 20;

export const problemType = (code: ErrorCode): string =>
  `urn:credit-default-service:problem:${code.toLowerCase().replaceAll('_', '-')}`;

export function toProblem(error: DomainError, requestId: string): Problem {
  const { status, title } = ERROR_CODES[error.code];
  return {
    type: problemType(error.code),
    title,
    status,
    detail: error.message,
    code: error.code,
    requestId,
    ...(error.errors && { errors: error.errors.slice(0, MAX_ERRORS) }),
  };
}
