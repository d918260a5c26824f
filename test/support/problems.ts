import { readFileSync } from 'node:fs';
import { expect } from '@jest/globals';
import { ERROR_CODES, type ErrorCode } from '../../src/common/errors/error-codes.js';
import { type Problem, problemSchema } from '../../src/common/errors/problem.js';

/** An answer as far as its problem document is concerned; supertest's Response is one. */
export interface ProblemAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

/** Values that requests of the bad-input specs carry and that no answer may repeat. */
export const MARKER_NUMBER = 987_654.25;
export const MARKER_TEXT = 's3cr3t-marker';

interface Operation {
  responses: Record<string, { content?: Record<string, { examples?: Record<string, unknown> }> }>;
}

const { paths } = JSON.parse(readFileSync('docs/openapi.json', 'utf8')) as {
  paths: Record<string, Record<string, Operation>>;
};

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

/** The same for an answer of a documented route, which must document this code for this status. */
export function expectDocumentedProblem(
  route: `${string} /${string}`,
  answer: ProblemAnswer,
  code: ErrorCode,
): Problem {
  const problem = expectProblem(answer, code);
  const [method, path] = route.split(' ') as [string, string];
  const documented = paths[path]?.[method.toLowerCase()]?.responses[answer.status]?.content;
  expect(Object.keys(documented?.['application/problem+json']?.examples ?? {})).toContain(code);
  return problem;
}
