import { addMonths, firstId, timeOfId } from '../id-time.js';

/** Ids (UUID v7) from the first to the last, both included. */
export interface IdRange {
  first: string;
  last: string;
}

const FIRST_ID = '00000000-0000-0000-0000-000000000000';
const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
/** How much of a UUID v7 says its time: `xxxxxxxx-xxxx`. */
const TIME_LENGTH = 13;

/**
 * The ids that were made in a span of time: from `from` until before `to`. Without them the range has no bound.
 *
 * @throws Error when it is empty: nothing would be looked at, and everything seem well
 */
export function idRange(from?: Date, to?: Date): IdRange {
  if (from && to && from >= to)
    throw new Error('Nothing lies between --from and --to: --from must be the earlier one.');
  return { first: from ? firstId(from) : FIRST_ID, last: to ? lastIdBefore(to) : LAST_ID };
}

/** Whether nothing is left out. */
export const isWhole = ({ first, last }: IdRange): boolean => first === FIRST_ID && last === LAST_ID;

/** The last id of the UTC month that `id` is of: no group of rows goes beyond. */
export const lastIdOfMonth = (id: string): string =>
  id === LAST_ID ? LAST_ID : lastIdBefore(addMonths(new Date(timeOfId(id)), 1));

const lastIdBefore = (time: Date): string =>
  firstId(new Date(time.getTime() - 1)).slice(0, TIME_LENGTH) + LAST_ID.slice(TIME_LENGTH);
