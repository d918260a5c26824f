import secureJsonParse from 'secure-json-parse';
import { DomainError } from '../errors/domain-error.js';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Parses a request's body.
 *
 * Refuses what JSON between systems must not contain (RFC 8259, section 8.1: a byte-order mark, anything but UTF-8)
 * and members that would reach an object's prototype.
 *
 * @throws DomainError INVALID_JSON
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
  try {
    return secureJsonParse.parse(text, undefined, { protoAction: 'error', constructorAction: 'error' });
  } catch {
    // The parser's own message quotes the body, so it goes nowhere: not even into the error's cause.
    throw invalidJson('The body cannot be parsed as JSON (or has a member named __proto__).');
  }
}

const invalidJson = (detail: string, cause?: unknown) => new DomainError('INVALID_JSON', { detail, cause });
