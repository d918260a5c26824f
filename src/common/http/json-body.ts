import secureJsonParse from 'secure-json-parse';
import { DomainError } from '../errors/domain-error.js';

/** A shorter text is parsed as it is: whatever it holds takes some 70 MiB at most. */
const SHORT_CHARACTERS = 1024 * 1024;
/** Objects and arrays: ample for 10,000 rows, each of which has two. */
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
  let text: string;
  try {
    text = utf8.decode(body);
  } catch (cause) {
    throw invalidJson('The body is not valid UTF-8.', cause);
  }
  if (text.trim() === '') throw invalidJson('The body is empty; send a JSON document.');
  if (text.startsWith('\uFEFF')) throw invalidJson('The body starts with a byte-order mark; send it without.');
  if (text.length > SHORT_CHARACTERS) assertStructure(text);
  try {
    return secureJsonParse.parse(text, undefined, { protoAction: 'error', constructorAction: 'error' });
  } catch {
    // The parser's own message quotes the body, so it goes nowhere: not even into the error's cause.
    throw invalidJson('The body cannot be parsed as JSON (or has a member named __proto__).');
  }
}

/** Brackets are counted in strings as well at first, since that takes a tenth of the time. */
function assertStructure(text: string): void {
  if (occurrences('{', text) + occurrences('[', text) <= MAX_CONTAINERS || containers(text) <= MAX_CONTAINERS) return;
  throw new DomainError('INVALID_REQUEST', {
    detail: 'The body has more objects and arrays than any request has. See GET /docs.',
  });
}

/** @returns a number beyond {@link MAX_CONTAINERS} when there are so many */
function occurrences(bracket: string, text: string): number {
  let count = 0;
  for (let at = text.indexOf(bracket); at >= 0 && count <= MAX_CONTAINERS; at = text.indexOf(bracket, at + 1)) count++;
  return count;
}

/** How many objects and arrays begin outside of strings; what is not JSON at all is left to the parser. */
function containers(text: string): number {
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === '"') {
      for (i++; i < text.length && text[i] !== '"'; i++) if (text[i] === '\\') i++;
    } else if (character === '{' || character === '[') count++;
  }
  return count;
}

const invalidJson = (detail: string, cause?: unknown) => new DomainError('INVALID_JSON', { detail, cause });
