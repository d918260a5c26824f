/**
 * What a record of answers says of the moves that happened meanwhile. All times are monotonic milliseconds.
 *
 * @typedef {object} Move
 * @property {string} version where the alias went
 * @property {number} calledAt the move took effect somewhere between the call …
 * @property {number} returnedAt … and its return
 * @typedef {import('./load-client.js').Answers} Answers
 */

/** When the first answer by the new version ended. */
export function adoptedAt({ version, calledAt }, answers) {
  return answers.endedAt[answers.endedAt.findIndex((end, i) => end > calledAt && answers.version[i] === version)];
}

/**
 * Longest time for which the version of an answer had been production no more when its request began; Infinity when
 * one was answered by a version that had not been production yet.
 *
 * @param {Move[]} moves all of them, from the one that came before the record
 */
export function longestStaleness({ startedAt, endedAt, version, failed }, moves) {
  const terms = moves.map((move, i) => ({ ...move, until: moves[i + 1]?.returnedAt ?? Infinity }));
  let longest = 0;
  for (let i = 0; i < version.length; i++) {
    if (failed[i]) continue;
    const last = terms.findLast((term) => term.version === version[i] && term.calledAt <= endedAt[i]);
    longest = Math.max(longest, last ? startedAt[i] - last.until : Infinity);
  }
  return longest;
}

/**
 * Longest times without a turn of the event loop within any of these spans: by the clock, and by what the service
 * itself computed. Where other processes compete for the cores, the clock says more about them.
 *
 * @param {{ from: number, until: number, busyMs: number }[]} gaps see event-loop-gaps.js
 * @param {{ from: number, until: number }[]} spans
 */
export function longestStall(gaps, spans) {
  const within = gaps.filter((gap) => spans.some((span) => gap.until > span.from && gap.from < span.until));
  return {
    clockMs: Math.max(0, ...within.map(({ from, until }) => until - from)),
    busyMs: Math.max(0, ...within.map(({ busyMs }) => busyMs)),
  };
}
