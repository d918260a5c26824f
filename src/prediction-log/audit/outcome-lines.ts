import { DomainError, type InputIssue } from '../../common/errors/domain-error.js';
import { toInputIssue } from '../../common/errors/schema-issues.js';
import { parseJson } from '../../common/http/json-body.js';
import { MAX_OUTCOME_LINES, type NewOutcome, outcomeLineSchema } from './outcome.schemas.js';

const LINE_FEED = 0x0a;

/** Where something is wrong in a body of lines, counted from 1 as editors do. */
export const linePath = (line: number, path = ''): string => (path === '' ? `lines.${line}` : `lines.${line}.${path}`);

/**
 * Reads one outcome a line: newline-delimited JSON, where empty lines mean nothing.
 *
 * @throws DomainError INVALID_REQUEST that names every line that cannot be taken
 */
export function parseOutcomeLines(body: Uint8Array): NewOutcome[] {
  const outcomes: NewOutcome[] = [];
  const issues: InputIssue[] = [];
  let lines = 0;
  for (const { number, bytes } of linesOf(body)) {
    if (++lines > MAX_OUTCOME_LINES) {
      throw invalid(`The body has more than ${MAX_OUTCOME_LINES} lines. Send it in parts.`);
    }
    const parsed = parseLine(bytes);
    if ('issues' in parsed) {
      issues.push(...parsed.issues.map(({ path, message }) => ({ path: linePath(number, path), message })));
    } else {
      outcomes.push({ ...parsed, line: number });
    }
  }
  if (lines === 0) throw invalid('The body has no lines; send one outcome a line, as JSON.');
  if (issues.length > 0)
    throw invalid('Some lines are not outcomes, so none was recorded; `errors` says where.', issues);
  return outcomes;
}

function parseLine(bytes: Uint8Array): Omit<NewOutcome, 'line'> | { issues: readonly InputIssue[] } {
  let json: unknown;
  try {
    json = parseJson(bytes);
  } catch {
    return { issues: [{ path: '', message: 'is not valid JSON' }] };
  }
  const result = outcomeLineSchema.safeParse(json);
  return result.success ? result.data : { issues: result.error.issues.map(toInputIssue) };
}

/** Lines that are not blank. A line feed is never part of another character in UTF-8. */
function* linesOf(body: Uint8Array): Generator<{ number: number; bytes: Uint8Array }> {
  let start = 0;
  for (let number = 1; start < body.length; number++) {
    const feed = body.indexOf(LINE_FEED, start);
    const end = feed === -1 ? body.length : feed;
    const bytes = body.subarray(start, end);
    if (!bytes.every(isBlank)) yield { number, bytes };
    start = end + 1;
  }
}

const isBlank = (byte: number): boolean => byte === 0x20 || byte === 0x09 || byte === 0x0d;

const invalid = (detail: string, errors?: readonly InputIssue[]): DomainError =>
  new DomainError('INVALID_REQUEST', { detail, ...(errors && { errors }) });
