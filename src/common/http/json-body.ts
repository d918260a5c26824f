import secureJsonParse from 'secure-json-parse';
import { DomainError } from '../errors/domain-error.js';

/** A smaller body is parsed as it is: whatever it holds takes some 70 MiB at most. */
const SMALL_BYTES = 1024 * 1024;
/** Of objects and arrays within each other, and in all: ample for 10,000 rows, each of which has two. */
const MAX_DEPTH = 16;
const MAX_CONTAINERS = 100_000;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Parses a request's body.
 *
 * Refuses what JSON between systems must not contain (RFC 8259, section 8.1: a byte-order mark, anything but UTF-8),
 * members that would reach an object's prototype, and large bodies of brackets, which take 70 times their size to parse.
 *
 * @throws DomainError INVALID_JSON, or INVALID_REQUEST for a structure that no request has
 */
export function parseJson(body: Uint8Array): unknown {
  if (body.byteLength > SMALL_BYTES) assertStructure(body);
  let text: string;
  try {
    text = utf8.decode(body);
  } catch (cause) {
    throw invalidJson('The body is not valid UTF-8.', cause);
  }
  if (text.trim() === '') throw invalidJson('The body is empty; send a JSON document.');
  if (text.startsWith('\uFEFF')) throw invalidJson('The body starts with a byte-order mark; send it without.');
  try {
    return secureJsonParse.parse(text, undefined, { protoAction: 'error', constructorAction: 'error' });
  } catch {
    // The parser's own message quotes the body, so it goes nowhere: not even into the error's cause.
    throw invalidJson('The body cannot be parsed as JSON (or has a member named __proto__).');
  }
}

const [QUOTE, BACKSLASH, OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] = Buffer.from('"\\{}[]');

/** Counts brackets outside of strings. What is not JSON at all is left to the parser. */
function assertStructure(body: Uint8Array): void {
  let depth = 0;
  let containers = 0;
  for (let i = 0; i < body.length; i++) {
    const byte = body[i];
    if (byte === QUOTE) {
      for (i++; i < body.length && body[i] !== QUOTE; i++) if (body[i] === BACKSLASH) i++;
    } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      containers++;
      if (++depth > MAX_DEPTH || containers > MAX_CONTAINERS) {
        throw new DomainError('INVALID_REQUEST', {
          detail:
            'The body has objects and arrays that no request has: too deep within each other, or too many. See GET /docs.',
        });
      }
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) depth--;
  }
}

const invalidJson = (detail: string, cause?: unknown) => new DomainError('INVALID_JSON', { detail, cause });
