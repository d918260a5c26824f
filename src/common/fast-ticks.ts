import { executionAsyncResource } from 'node:async_hooks';

/**
 * Keeps `process.nextTick` fast: to be imported before anything else.
 *
 * Node.js makes an object for every tick, by a literal with computed keys, and V8 optimizes that for the hidden class that it saw
 * first. A class dies with the last of its objects, so in a garbage collection while no tick waits, as there are many while the
 * service starts. The next ticks have another class, and are made by a call of the runtime for as long as the process lives:
 * 0.3 us for each instead of 0.05, a tenth of what a request costs. One tick that stays keeps the class.
 */
export const keptTick: { object?: object } = {};

process.nextTick(() => {
  keptTick.object = executionAsyncResource();
});
