/** Hex digits of a UUID v7 that hold its time in milliseconds: `xxxxxxxx-xxxx`. */
const TIME_DIGITS = 13;

/** When a UUID v7 was made, in milliseconds since the epoch. */
export const timeOfId = (id: string): number => Number.parseInt(id.slice(0, 8) + id.slice(9, TIME_DIGITS), 16);

let known = { from: '', until: '' };

/** Whether two UUIDs v7 are of the same UTC month, and so go to the same partition. */
export function inSameMonth(a: string, b: string): boolean {
  if (!(a >= known.from && a < known.until)) known = monthOf(a);
  return b >= known.from && b < known.until;
}

function monthOf(id: string): { from: string; until: string } {
  const date = new Date(timeOfId(id));
  const month = (offset: number) => idPrefix(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + offset));
  return { from: month(0), until: month(1) };
}

/** Sorts before every UUID v7 of this moment and after all earlier ones. */
function idPrefix(timeMs: number): string {
  const digits = timeMs.toString(16).padStart(12, '0');
  return `${digits.slice(0, 8)}-${digits.slice(8)}`;
}
