/** Milliseconds on the clock that all processes of this machine share, and that nobody sets. */
export const monotonicMs = () => Number(process.hrtime.bigint()) / 1e6;
