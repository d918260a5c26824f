import { HttpException, HttpStatus } from '@nestjs/common';
import { DomainError } from './domain-error.js';
import type { ErrorCode } from './error-codes.js';

/** Anything that was thrown, as an error of the domain; what nobody foresaw becomes INTERNAL_ERROR with its cause. */
export function toDomainError(thrown: unknown): DomainError {
  if (thrown instanceof DomainError) return thrown;
  return (
    fromTransportStatus(transportStatus(thrown), thrown) ??
    new DomainError('INTERNAL_ERROR', {
      detail: 'The service could not answer because of a fault of its own. Report the requestId to its operators.',
      cause: thrown,
    })
  );
}

const REFUSALS = new Map<number, { code: ErrorCode; detail: string }>([
  [HttpStatus.NOT_FOUND, { code: 'ROUTE_NOT_FOUND', detail: 'No route has this path. GET /docs lists them.' }],
  [
    HttpStatus.PAYLOAD_TOO_LARGE,
    {
      code: 'PAYLOAD_TOO_LARGE',
      detail:
        'The body is over the limit of this route: 64 KiB, but 16 MiB for /predict/batch and 256 KiB for ' +
        '/predictions/outcomes. Send fewer rows.',
    },
  ],
  [
    HttpStatus.UNSUPPORTED_MEDIA_TYPE,
    {
      code: 'UNSUPPORTED_MEDIA_TYPE',
      detail:
        'Send the body as JSON with the header Content-Type: application/json, or to /predictions/outcomes as lines of JSON ' +
        'with application/x-ndjson.',
    },
  ],
]);

/** Nest's HttpExceptions and Fastify's errors both carry the status that their layer would have answered with. */
function transportStatus(thrown: unknown): number | undefined {
  if (thrown instanceof HttpException) return thrown.getStatus();
  const status = (thrown as { statusCode?: unknown } | null | undefined)?.statusCode;
  return typeof status === 'number' ? status : undefined;
}

function fromTransportStatus(status: number | undefined, cause: unknown): DomainError | undefined {
  if (status === undefined || status < 400 || status >= 500) return undefined;
  const known = REFUSALS.get(status);
  return known
    ? new DomainError(known.code, { detail: known.detail, cause })
    : new DomainError('INVALID_REQUEST', { detail: 'The request could not be read. Check its form.', cause });
}
