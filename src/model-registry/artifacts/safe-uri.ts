/** A URI as errors may tell it: without user and password, which some stores are given in it, and without a query. */
export const safeUri = (uri: string): string => uri.replace(/\/\/[^/?#]*@/, '//').replace(/\?.*$/, '');
