import { expect } from '@jest/globals';
import { ERROR_CODES, type ErrorCode } from '../../src/common/errors/error-codes.js';
import { type Problem, problemSchema } from '../../src/common/errors/problem.js';
import { documentedResponse, expectDocumentedHeaders, type Route } from './documented.js';

/** An answer as far as its problem document is concerned; supertest's Response is one. */
export interface ProblemAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

/** Values that requests of the bad-input specs carry and that no answer may repeat. */
export const MARKER_NUMBER = 987_654.25;
export const MARKER_TEXT = 's3cr3t-marker';

/** Checks all that every error answer has in common, and gives its body. */
export function expectProblem(answer: ProblemAnswer, code: ErrorCode): Problem {
  expect({ status: answer.status, type: answer.headers['content-type'] }).toEqual({
    status: ERROR_CODES[code].status,
    type: expect.stringMatching(/^application\/problem\+json(;|$)/),
  });
  const problem = problemSchema.strict().parse(JSON.parse(answer.text));
  expect(problem).toMatchObject({ code, status: answer.status, requestId: answer.headers['x-request-id'] });
  expect(answer.text).not.toContain(String(MARKER_NUMBER));
  expect(answer.text).not.toContain(MARKER_TEXT);
  return problem;
}

/** The same for an answer of a documented route, which must document this code, and its headers, for this status. */
export function expectDocumentedProblem(route: Route, answer: ProblemAnswer, code: ErrorCode): Problem {
  const problem = expectProblem(answer, code);
  const { content } = documentedResponse(route, answer.status) ?? {};
  expect(Object.keys(content?.['application/problem+json']?.examples ?? {})).toContain(code);
  expectDocumentedHeaders(route, answer.status, Object.keys(answer.headers));
  return problem;
}
