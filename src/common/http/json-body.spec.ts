import { describe, expect, it } from '@jest/globals';
import { domainErrorOf } from '../../../test/support/domain-error-of.js';
import { parseJson } from './json-body.js';

const MIB = 2 ** 20;

const refusalOf = (body: string | Uint8Array) => domainErrorOf(() => parseJson(Buffer.from(body)));

describe('parseJson', () => {
  it('parses JSON in UTF-8, beyond ASCII too', () => {
    expect(parseJson(Buffer.from('{"data": [1, null, "ä🙂"]}'))).toEqual({ data: [1, null, 'ä🙂'] });
  });

  it('takes a member named constructor that does not reach a prototype', () => {
    expect(parseJson(Buffer.from('{"constructor": 1}'))).toEqual({ constructor: 1 });
  });

  it('takes deep nesting, which is refused by shape and not by a full stack', () => {
    expect(parseJson(Buffer.from('['.repeat(50_000) + ']'.repeat(50_000)))).toHaveLength(1);
  });

  it.each([
    ['brackets', '['.repeat(MIB)],
    ['objects in each other', '{"":'.repeat(MIB / 4)],
    ['objects beside each other', `[${'{},'.repeat(MIB / 2)}{}]`],
  ])('refuses a large body of %s before it takes many times its memory', (_what, body) => {
    expect(refusalOf(body + ' ').code).toBe('INVALID_REQUEST');
  });

  it('takes a large body that has brackets in strings', () => {
    const text = String.raw`"\\[\"[{` + '['.repeat(MIB) + '"';
    expect(parseJson(Buffer.from(text))).toHaveLength(MIB + 5);
  });

  it.each([
    ['nothing', '', /empty; send a JSON document/],
    ['white space', ' \r\n\t', /empty; send a JSON document/],
    ['invalid UTF-8', Uint8Array.of(0x22, 0xff, 0x22), /not valid UTF-8/],
    ['a surrogate encoded in UTF-8', Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22), /not valid UTF-8/],
    ['a byte-order mark', '\uFEFF{}', /byte-order mark; send it without/],
    ['UTF-16', Buffer.from('{}', 'utf16le'), /cannot be parsed/],
    ['half a document', '{"data": {', /cannot be parsed/],
    ['two documents', '{}{}', /cannot be parsed/],
    ['a trailing comma', '[1,]', /cannot be parsed/],
    ['a comment', '{} // done', /cannot be parsed/],
    ['NaN', '[NaN]', /cannot be parsed/],
    ['Infinity', '[-Infinity]', /cannot be parsed/],
    ['a member named __proto__', '{"a": {"__proto__": {"b": 1}}}', /member named __proto__/],
    ['__proto__ in escapes', '{"\\u005f\\u005fproto__": {"b": 1}}', /member named __proto__/],
    ['constructor.prototype', '{"constructor": {"prototype": {"b": 1}}}', /cannot be parsed/],
  ])('refuses %s as INVALID_JSON', (_what, body, detail) => {
    const { code, message } = refusalOf(body);
    expect(code).toBe('INVALID_JSON');
    expect(message).toMatch(detail);
  });

  it('keeps the body out of the error and of its cause', () => {
    const error = refusalOf('{"reference": "s3cr3t-marker", oops');
    expect([error.message, String(error.stack), String(error.cause)].join()).not.toContain('s3cr3t-marker');
  });
});
