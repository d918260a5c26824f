import { readFileSync, writeFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import { rounded } from '../support/report.js';
import { limitOf, percent, toMarkdown } from './tables.js';

const PAGE = 'docs/benchmarks.md';
const DATA = 'docs/benchmarks.json';
/** In the page, around what is written here. */
const BEGIN = '<!-- results: written by make bench -->';
const END = '<!-- end of results -->';

/** From which on others slow down what is measured, and some servers more than others. */
const QUIET_SHARE = 0.05;

/**
 * Prints the results.
 *
 * @param {object} results
 * @param {boolean} keep whether to write them down too
 */
export async function report(results, keep) {
  const markdown = await formatted(toMarkdown(results), PAGE);
  print(`\n${markdown}`);
  if (keep) {
    const page = readFileSync(PAGE, 'utf8');
    const before = page.slice(0, page.indexOf(BEGIN) + BEGIN.length);
    const after = page.slice(page.indexOf(END));
    writeFileSync(PAGE, await formatted([before, markdown, after].join('\n\n'), PAGE));
    writeFileSync(DATA, await formatted(JSON.stringify(results), DATA));
    print(`Written to ${PAGE} and ${DATA}.\n`);
  }
  if (results.strangersShare > QUIET_SHARE) {
    print(
      `NOT QUIET: other programs had up to ${percent(results.strangersShare)} of a core. Measure again without them.`,
    );
  }
  for (const bar of results.bars) {
    print(`${bar.holds ? 'ok    ' : 'MISSED'} ${bar.name}: ${rounded(bar.value)} (${limitOf(bar)})`);
  }
}

async function formatted(text, filepath) {
  return format(text, { ...(await resolveConfig(filepath)), filepath });
}

function print(text) {
  process.stdout.write(`${text}\n`);
}
