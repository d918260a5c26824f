import { z } from 'zod';

const timeSchema = z.union([z.iso.date(), z.iso.datetime({ offset: true })]).transform((text) => new Date(text));

/**
 * @param text a date, which means its first moment in UTC, or a time with its offset
 * @returns undefined for an argument that was not given
 * @throws Error that says how to write it
 */
export function timeArgument(name: string, text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const time = timeSchema.safeParse(text);
  if (time.success) return time.data;
  throw new Error(`--${name} must be a date or time in ISO 8601, such as 2026-11-01 or 2026-11-01T12:00:00Z.`);
}
