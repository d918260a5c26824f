/** What a controller may say of a route to Fastify, through `@RouteConfig()`. */
export interface RouteSettings {
  /** The method of PredictionController that answers, straight from Fastify; see `configureApp`. */
  direct?: 'predict' | 'predictBatch';
  /** Instead of {@link DEFAULT_BODY_LIMIT_BYTES}. */
  bodyLimitBytes?: number;
  /** Hands the body's bytes to the handler, unparsed. */
  rawBody?: boolean;
  /** Takes newline-delimited JSON (application/x-ndjson) in place of JSON, and hands the bytes to the handler. */
  lines?: boolean;
  /** Takes a request without a body, whatever content type it names. */
  optionalBody?: boolean;
  /** Bounds the large batches in memory; see BatchAdmission. */
  largeBatches?: boolean;
}

export const DEFAULT_BODY_LIMIT_BYTES = 64 * 1024;

declare module 'fastify' {
  interface FastifyContextConfig extends RouteSettings {}
}
