/**
 * The closed set of error codes that clients switch on, each with its HTTP status and RFC 9457 title.
 * This table is the only place where a failure of the domain is given an HTTP status.
 */
export const ERROR_CODES = {
  INVALID_JSON: { status: 400, title: 'The body is not valid JSON' },
  INVALID_REQUEST: { status: 400, title: 'The request does not have the expected shape' },
  IDEMPOTENCY_UNSUPPORTED: { status: 400, title: 'Idempotency-Key is not supported here' },
  UNAUTHORIZED: { status: 401, title: 'The request carries no valid token' },
  WEBHOOK_NOT_AUTHENTIC: { status: 401, title: 'The delivery is not authentic' },
  ROUTE_NOT_FOUND: { status: 404, title: 'There is no such route' },
  VERSION_NOT_FOUND: { status: 404, title: 'The registry has no such alias or version' },
  PREDICTION_NOT_FOUND: { status: 404, title: 'There is no such prediction' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'The route does not take this method' },
  REQUEST_TIMEOUT: { status: 408, title: 'The request took too long to arrive' },
  NO_PREVIOUS_MODEL: { status: 409, title: 'There is no version to go back to' },
  MODEL_REJECTED: { status: 409, title: 'The model version must not serve' },
  IDEMPOTENCY_IN_PROGRESS: { status: 409, title: 'A request with this Idempotency-Key is being answered' },
  LEGAL_HOLD: { status: 409, title: 'Records are on legal hold' },
  MODEL_GONE: { status: 410, title: 'The model version is no longer to be had' },
  PREDICTION_ERASED: { status: 410, title: 'The inputs of the prediction were erased' },
  PAYLOAD_TOO_LARGE: { status: 413, title: 'The body is too large' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: 'The content type is not supported' },
  FEATURES_MISMATCH: { status: 422, title: 'The features do not fit the live model' },
  NO_PROBABILITY: { status: 422, title: 'The model gives no probability for the features' },
  IDEMPOTENCY_KEY_REUSED: { status: 422, title: 'The Idempotency-Key was used for another request' },
  TOO_MANY_FAILURES: { status: 429, title: 'Too many requests with a wrong token' },
  HEADERS_TOO_LARGE: { status: 431, title: 'The path and headers are too large' },
  INTERNAL_ERROR: { status: 500, title: 'The service failed' },
  PREDICTION_NOT_RECORDED: { status: 500, title: 'The request could not be recorded' },
  MODEL_NOT_READY: { status: 503, title: 'No model is live' },
  REGISTRY_UNAVAILABLE: { status: 503, title: 'The registry or its store did not answer' },
  PREDICTION_LOG_UNAVAILABLE: { status: 503, title: 'The prediction log is not available' },
  PREDICTION_LOG_FULL: { status: 503, title: 'More answers wait to be recorded than this instance may hold' },
  OVERLOADED: { status: 503, title: 'The service is busy' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ErrorCode = keyof typeof ERROR_CODES;
