import type { OpenAPIObject } from '@nestjs/swagger';

type Headers = NonNullable<NonNullable<OpenAPIObject['components']>['headers']>;

/** Headers of answers that a client can make use of: components of the document. `required` where they are documented. */
export const RESPONSE_HEADERS = {
  'X-Request-Id': {
    description: 'The one that the request brought, where it is harmless, else a new one: to find it in the logs.',
    required: true,
    schema: { type: 'string', maxLength: 128 },
  },
  'Retry-After': {
    description: 'When it makes sense to try again, in seconds.',
    required: true,
    schema: { type: 'integer', minimum: 1 },
  },
  'WWW-Authenticate': {
    description: 'What kind of token is missing.',
    required: true,
    schema: { type: 'string', enum: ['Bearer'] },
  },
  'Idempotency-Replayed': {
    description: 'There where the answer is that to an earlier request with this Idempotency-Key.',
    schema: { type: 'string', enum: ['true'] },
  },
  Deprecation: {
    description: 'There where the form of the request is deprecated: since when, as `@` and seconds since 1970.',
    schema: { type: 'string' },
  },
  Sunset: {
    description: 'There where the form of the request is deprecated: when it may be gone.',
    schema: { type: 'string' },
  },
  Link: {
    description:
      'There where the form of the request is deprecated: the route that takes its place, `rel="successor-version"`.',
    schema: { type: 'string' },
  },
} as const satisfies Headers;

export type ResponseHeader = keyof typeof RESPONSE_HEADERS;

export const headerReferences = (names: Iterable<ResponseHeader>): Record<string, { $ref: string }> =>
  Object.fromEntries(Array.from(names, (name) => [name, { $ref: `#/components/headers/${name}` }]));
