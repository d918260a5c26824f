import { rounded } from '../support/report.js';
import { BATCHES, CONNECTIONS } from './measure.js';
import { medianOf, medians } from './medians.js';

/**
 * The results as Markdown: medians of the rounds, and of ratios within a round.
 *
 * @param {object} results as results.json has them
 */
export function toMarkdown({ machine, settings, strangersShare, titles, rounds, flushesMs, bars }) {
  return [
    `Measured ${settings.measuredOn} on commit ${settings.commit}: ${settings.rounds} rounds, ` +
      `${settings.seconds} s for each figure. Other programs had ${percent(strangersShare)} of a core at most.\n`,
    table(['machine', ''], Object.entries(machine)),
    `The disk's \`fdatasync\` of 4 KiB: p50 ${rounded(medianOf(flushesMs.p50))} ms, ` +
      `p99 ${rounded(medianOf(flushesMs.p99))} ms.\n`,
    '### Single rows\n',
    singleRows(titles, rounds),
    '### Batches\n',
    batches(titles, rounds),
    '### Bars\n',
    table(
      ['', 'bar', 'measured', 'limit'],
      bars.map((bar) => [bar.holds ? 'ok' : 'MISSED', bar.name, rounded(bar.value), limitOf(bar)]),
    ),
  ].join('\n');
}

export const limitOf = ({ least, most }) => (least === undefined ? `at most ${most}` : `at least ${least}`);

const SINGLE_COLUMNS = ['connections', 'server', 'requests/s', 'of ours, log off', 'p50 ms', 'p99 ms'];
const USE_COLUMNS = ['CPU s per 1,000', 'and PostgreSQL', 'resident MB', 'start s'];

function singleRows(titles, rounds) {
  const body = CONNECTIONS.flatMap((connections) =>
    Object.entries(titles).map(([name, title]) => {
      const { singles, residentMb, startSeconds } = medians(rounds.map((round) => round[name]));
      const { perSecond, p50Ms, p99Ms, cpuSeconds, databaseCpuSeconds } = singles[connections];
      const ofOurs = ratio(rounds, name, 'ours', (measured) => measured.singles[connections].perSecond);
      return [
        connections,
        title,
        thousands(perSecond),
        ofOurs,
        p50Ms.toFixed(2),
        p99Ms.toFixed(2),
        cpuSeconds.toFixed(3),
        databaseCpuSeconds?.toFixed(3) ?? '',
        Math.round(residentMb),
        startSeconds.toFixed(1),
      ];
    }),
  );
  return table([...SINGLE_COLUMNS, ...USE_COLUMNS], body);
}

function batches(titles, rounds) {
  const header = ['rows in a batch', 'server', 'rows/s', 'of ours, log off', 'of onnxruntime alone'];
  const body = BATCHES.flatMap((count) =>
    Object.entries({ onnxruntime: 'onnxruntime alone, one thread', ...titles }).map(([name, title]) => {
      const figure = (measured) => measured.rowsPerSecond[count];
      const perSecond = thousands(medianOf(rounds.map((round) => figure(round[name]))));
      return [count, title, perSecond, ...['ours', 'onnxruntime'].map((by) => ratio(rounds, name, by, figure))];
    }),
  );
  return table(header, body);
}

/** @returns nothing where the other one was not measured */
function ratio(rounds, name, by, figure) {
  if (!(by in rounds[0])) return '';
  return medianOf(rounds.map((round) => figure(round[name]) / figure(round[by]))).toFixed(2);
}

export const percent = (share) => `${Math.round(100 * share)} %`;

const thousands = (value) => Math.round(value).toLocaleString('en-US');

function table(header, body) {
  const lines = [header, header.map(() => '---'), ...body].map((cells) => `| ${cells.join(' | ')} |`);
  return `${lines.join('\n')}\n`;
}
