let prefix = '';
let prefixTimeMs = -1;

/**
 * The time and the version of a UUID v7 (RFC 9562, section 5.7): `01968b2e-7c1f-7`. Kept until the millisecond is over.
 *
 * @param timeMs since the epoch
 */
export function timePrefix(timeMs: number): string {
  if (timeMs !== prefixTimeMs) {
    const digits = timeMs.toString(16).padStart(12, '0');
    prefix = `${digits.slice(0, 8)}-${digits.slice(8)}-7`;
    prefixTimeMs = timeMs;
  }
  return prefix;
}
