const LENGTH = 12;

/** Stands for the version of a model that no registry has numbered. */
export const shortDigest = (sha256: string): string => sha256.slice(0, LENGTH);
