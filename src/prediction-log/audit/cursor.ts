/** 16 bytes in base64url. */
export const CURSOR_FORM = /^[\w-]{21}[AQgw]$/;

/** Where a page ends, in a form that nobody is tempted to make up: the id of its last record. */
export const encodeCursor = (id: string): string => Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url');

/** @param cursor of {@link CURSOR_FORM} */
export const decodeCursor = (cursor: string): string =>
  Buffer.from(cursor, 'base64url')
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
