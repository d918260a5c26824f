const UUID_TIME_DIGITS = 12;

/** When a UUID v7 was made, in milliseconds since the epoch: its first 48 bits. */
export const timeOfId = (id: string): number => Number.parseInt(id.replace('-', '').slice(0, UUID_TIME_DIGITS), 16);

/** A UTC month as the range of the UUIDs v7 that were made in it. */
export interface MonthBounds {
  /** The smallest id of the month. */
  from: string;
  /** The smallest id of the next one. */
  to: string;
}

/** @param date any moment of the month */
export function monthBounds(date: Date): MonthBounds {
  return { from: firstId(addMonths(date, 0)), to: firstId(addMonths(date, 1)) };
}

/** @returns the first moment of the UTC month that is so many months after the one of `date` */
export function addMonths(date: Date, months: number): Date {
  return new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + months));
}

/** The smallest UUID whose time is this one: 48 bits of milliseconds, then zeros. */
export function firstId(time: Date): string {
  const hex = time.getTime().toString(16).padStart(UUID_TIME_DIGITS, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

let known: MonthBounds = { from: '', to: '' };

/** Whether two UUIDs v7 are of the same UTC month, and so go to the same partition. */
export function inSameMonth(a: string, b: string): boolean {
  if (!(a >= known.from && a < known.to)) known = monthBounds(new Date(timeOfId(a)));
  return b >= known.from && b < known.to;
}
