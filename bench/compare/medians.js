import { sorted } from '../support/report.js';

/** Of an even number of values, the mean of the middle two. */
export function medianOf(values) {
  const ascending = sorted(values);
  const middle = (ascending.length - 1) / 2;
  return (ascending[Math.floor(middle)] + ascending[Math.ceil(middle)]) / 2;
}

/**
 * Of objects of one shape, the object of the medians.
 *
 * @template T
 * @param {T[]} objects numbers, and objects of such
 * @returns {T}
 */
export function medians(objects) {
  if (typeof objects[0] === 'number') return medianOf(objects);
  const keys = Object.keys(objects[0]);
  return Object.fromEntries(keys.map((key) => [key, medians(objects.map((each) => each[key]))]));
}
