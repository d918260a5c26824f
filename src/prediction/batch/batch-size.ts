/**
 * Bytes of a batch's body from which on it is answered by a worker thread: about 200 rows of ten numbers, which take
 * the event loop less than a millisecond. Bytes and not rows, since rows are only known once the body was parsed.
 */
const LARGE_BATCH_BYTES = 16 * 1024;

export const isLarge = (sizeBytes: number): boolean => sizeBytes > LARGE_BATCH_BYTES;
