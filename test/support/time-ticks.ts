/**
 * Prints how many nanoseconds a `process.nextTick` takes after garbage collections while no tick waits.
 *
 *   node --expose-gc time-ticks.ts [a module to import first]
 */
import { setTimeout as delay } from 'node:timers/promises';

const TICKS = 1000;
const ROUNDS = 200;

const [, , first] = process.argv;
if (first !== undefined) await import(first);

const noop = () => undefined;
/** At once, so that the turn of the event loop around them does not count. */
const ticks = () =>
  new Promise<void>((resolve) => {
    for (let i = 0; i < TICKS; i++) process.nextTick(noop);
    setImmediate(resolve);
  });

await ticks();
for (let i = 0; i < 3; i++) {
  await delay(10);
  globalThis.gc!();
}
for (let i = 0; i < ROUNDS; i++) await ticks(); // until the optimized code is there
const startedAt = process.hrtime.bigint();
for (let i = 0; i < ROUNDS; i++) await ticks();
process.stdout.write(String(Number(process.hrtime.bigint() - startedAt) / (TICKS * ROUNDS)));
