/** What has a Node.js process collect its garbage on SIGUSR2: see collect-garbage.js. */
export const COLLECTS_GARBAGE = { NODE_OPTIONS: '--import ./bench/support/collect-garbage.js' };
/** What it says then, on stderr. */
export const COLLECTED = 'garbage collected';
