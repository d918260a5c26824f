import type { z } from 'zod';
import { DomainError, type InputIssue } from './domain-error.js';

type SchemaIssue = z.core.$ZodIssue;

/**
 * zod's issues as an error that is safe to send. zod's messages name types and limits, never values;
 * only the names of unknown members come from the client, so they are counted and not repeated.
 */
export function invalidRequest(issues: readonly SchemaIssue[]): DomainError {
  return new DomainError('INVALID_REQUEST', {
    detail: 'The request does not have the shape that this route takes; `errors` says where. See GET /docs.',
    errors: issues.map(toInputIssue),
  });
}

export function toInputIssue(issue: SchemaIssue): InputIssue {
  const path = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    return { path, message: `has ${issue.keys.length} member(s) that are not part of this request` };
  }
  return { path, message: issue.message };
}
