import { instantSchema } from '../audit/record.schemas.js';

/**
 * @param text a date, which means its first moment in UTC, or a time with its offset
 * @returns undefined for an argument that was not given
 * @throws Error that says how to write it
 */
export function timeArgument(name: string, text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const { data: time, error } = instantSchema.safeParse(text);
  if (time) return time;
  throw new Error(`--${name} ${error.issues[0]!.message}, such as 2026-11-01 or 2026-11-01T12:00:00Z.`);
}
