/**
 * The closed set of error codes that clients switch on, each with its HTTP status and RFC 9457 title.
 * This table is the only place where a failure of the domain is given an HTTP status.
 */
export const ERROR_CODES = {
  INVALID_JSON: { status: 400, title: 'The body is not valid JSON' },
  INVALID_REQUEST: { status: 400, title: 'The request does not have the expected shape' },
  ROUTE_NOT_FOUND: { status: 404, title: 'There is no such route' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'The route does not take this method' },
  PAYLOAD_TOO_LARGE: { status: 413, title: 'The body is too large' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: 'The content type is not supported' },
  FEATURES_MISMATCH: { status: 422, title: 'The features do not fit the live model' },
  INTERNAL_ERROR: { status: 500, title: 'The service failed' },
  MODEL_NOT_READY: { status: 503, title: 'No model is live' },
  OVERLOADED: { status: 503, title: 'The service is busy' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ErrorCode = keyof typeof ERROR_CODES;
