/**
 * Does the service keep answering when more arrives than it can answer?
 *
 * Finds the sustainable rate, the highest at which 99.9 % are answered and p99 stays bounded, then drives half of it and
 * twice of it by turns: an open loop, which sends at its rate whatever becomes of the requests before. For single rows and
 * for batches small enough to be answered in place. A generator that cannot send twice as many single rows as a fast service
 * answers, or that is busy nearly all the time and so measures its own queue, says nothing: then the bar for p99 is not judged.
 * The service runs on the first core; the generator, and PostgreSQL where it records, on the second one. Prints one row per
 * round, and exits 1 when a bar is missed.
 *
 *   make bench-overload            ROUNDS=3 ROUND_SECONDS=10 PREDICTION_LOG=off KINDS=batch,single are the defaults
 */
import { startBuiltService } from '../test/support/built-service.ts';
import { predict, predictBatch } from './compare/requests.js';
import { usageDuring } from './compare/usage.js';
import { pinToCore } from './support/cores.js';
import { openDatabase } from './support/database.js';
import { drive } from './support/load.js';
import { attack, requireVegeta } from './support/open-loop.js';
import { bar, printTable, quantile, rounded, sorted } from './support/report.js';
import { scrapedDuring } from './support/scraped-metrics.js';

const ROUNDS = Number(process.env.ROUNDS ?? 3);
const ROUND_SECONDS = Number(process.env.ROUND_SECONDS ?? 10);
const RECORDS = process.env.PREDICTION_LOG === 'on';
const SERVICE_CORE = 0;
const OTHER_CORE = 1;
const FEATURES = [50_000, 0, 0, 0, 0, 0.4, 0.35, 0.05, 1800, 0.1];
/** 64 rows: below 16 KiB, so that they are answered in place as single rows are. */
const KINDS = {
  batch: { request: predictBatch, body: predictBatch.body(Array.from({ length: 64 }, () => FEATURES)) },
  single: { request: predict, body: predict.body([FEATURES]) },
};
/** As many as are never refused, however slow the service is before its code was compiled. */
const CONNECTIONS = 8;
/** The service's objective. At rates where nothing is ever refused it is half idle, and twice of them is no overload. */
const SUSTAINABLE_ANSWERED = 0.999;
const SUSTAINABLE_P99_MS = 50;
const SEARCH_STEPS = 6;
const SEARCH_ATTEMPTS = 3;
const SEARCH_SECONDS = 3;
/** A second in which the generator opens its connections would pass for one in which the service is too slow. */
const SEARCH_LEAD_IN_SECONDS = 1;
/** A generator that sends less than this of what it is asked to is the bottleneck itself. */
const LEAST_SENT = 0.98;
const MAX_P99_RATIO = 5;
const MAX_GENERATOR_SHARE = 0.8;
/** Of the sustainable rate; less is no overload. */
const LEAST_FACTOR = 1.9;
const MAX_GROWTH_MIB = 15;

const MIB = 2 ** 20;

await requireVegeta();
await pinToCore(process.pid, OTHER_CORE);
const database = RECORDS ? await openDatabase(OTHER_CORE) : undefined;
try {
  const kinds = (process.env.KINDS ?? Object.keys(KINDS).join()).split(',');
  const held = [];
  for (const kind of kinds) held.push(...(await measure(kind)));
  process.exitCode = held.every(Boolean) ? 0 : 1;
} finally {
  await database?.close();
}

/** @returns {Promise<boolean[]>} which bars hold */
async function measure(kind) {
  const { request, body } = KINDS[kind];
  const service = await startBuiltService({ NODE_ENV: 'production', PREDICTION_LOG: 'off', ...database?.env });
  await pinToCore(service.process.pid, SERVICE_CORE);
  // vegeta would look localhost up, and try IPv6 first.
  const url = service.url.replace('localhost', '127.0.0.1');
  const target = { service, url, endpoint: url + request.path, body };
  try {
    const { perSecond } = await drive(target.endpoint, body, {
      connections: CONNECTIONS,
      seconds: 5,
      core: OTHER_CORE,
    });
    const sustainable = await sustainableRate(target, 1.2 * perSecond);
    const twice = await drivableRate(target, 2 * sustainable);
    const rows = [];
    for (let round = 1; round <= ROUNDS; round++) {
      for (const [load, rate] of Object.entries({ half: Math.round(sustainable / 2), twice })) {
        rows.push({ round, load, ...(await driveOnce(target, rate)) });
      }
    }
    process.stdout.write(
      `\n${kind}: ${Math.round(perSecond)}/s at ${CONNECTIONS} connections, ${sustainable}/s sustainable\n`,
    );
    printTable(rows);
    return report(kind, rows, twice / sustainable);
  } finally {
    await service.stop();
  }
}

/** By halves, up to a rate that is too much. A rate has three attempts: others may have been at work on the core. */
async function sustainableRate(target, tooMuch) {
  let [least, most] = [0, tooMuch];
  for (let step = 0; step < SEARCH_STEPS; step++) {
    const rate = Math.round((least + most) / 2);
    if (await sustains(target, rate)) least = rate;
    else most = rate;
  }
  if (least === 0) throw new Error('No rate is sustainable: is this machine busy with something else?');
  return least;
}

async function sustains(target, rate) {
  for (let attempt = 0; attempt < SEARCH_ATTEMPTS; attempt++) {
    const { sentPerSecond, accepted, refused, failed } = await sendForSearch(target, rate);
    const isSent = sentPerSecond >= LEAST_SENT * rate;
    const isAnswered = accepted.count >= SUSTAINABLE_ANSWERED * (accepted.count + refused.count + failed);
    if (isSent && isAnswered && accepted.p99Ms <= SUSTAINABLE_P99_MS) return true;
  }
  return false;
}

/** The rate, or what the generator can send instead with some room. */
async function drivableRate(target, rate) {
  const { sentPerSecond } = await sendForSearch(target, rate);
  return sentPerSecond >= LEAST_SENT * rate ? rate : Math.round(0.9 * sentPerSecond);
}

function sendForSearch(target, perSecond) {
  return send(target, { perSecond, seconds: SEARCH_SECONDS, leadInSeconds: SEARCH_LEAD_IN_SECONDS });
}

function send({ endpoint, body }, load) {
  return attack(endpoint, JSON.stringify(body), { ...load, core: OTHER_CORE });
}

async function driveOnce(target, rate) {
  const who = { serverPid: target.service.process.pid, serverCore: SERVICE_CORE, loadCore: OTHER_CORE };
  const [[driven, usage], scrapes] = await scrapedDuring(target.url, () =>
    usageDuring({ ...who, databasePid: database?.pid }, () =>
      send(target, { perSecond: rate, seconds: ROUND_SECONDS }),
    ),
  );
  const { sentPerSecond, accepted, refused, failed } = driven;
  const highest = (name) => Math.max(...scrapes.slice(1).map((scrape) => scrape.get(name)));
  const shed = (reason) => {
    const name = `requests_shed_total{reason="${reason}"}`;
    return (scrapes.at(-1).get(name) ?? 0) - (scrapes[0].get(name) ?? 0);
  };
  return {
    'asked/s': rate,
    'sent/s': Math.round(sentPerSecond),
    accepted: accepted.count,
    'p50 ms': rounded(accepted.p50Ms),
    'p99 ms': rounded(accepted.p99Ms),
    refused: refused.count,
    'their p50': rounded(refused.p50Ms ?? 0),
    'their p99': rounded(refused.p99Ms ?? 0),
    'in flight': shed('in_flight'),
    late: shed('event_loop_delay'),
    failed,
    'loop p99 ms': rounded(1000 * highest('nodejs_eventloop_lag_p99_seconds')),
    'most in flight': highest('http_requests_in_flight'),
    'RSS MiB': Math.round(highest('process_resident_memory_bytes') / MIB),
    'generator %': Math.round(100 * usage.loadShare),
    'others %': Math.round(100 * usage.strangersShare),
  };
}

function report(kind, rows, factor) {
  const of = (load) => rows.filter((row) => row.load === load);
  const [half, twice] = [of('half'), of('twice')];
  const ratios = sorted(twice.map((row, i) => row['p99 ms'] / half[i]['p99 ms']));
  const sent = sorted(twice.map((row) => row['sent/s'] / row['asked/s']))[0];
  process.stdout.write(
    `${rounded(factor)} times the sustainable rate was asked for, and ${rounded(100 * sent)} % of that sent\n`,
  );
  const p99Ratio = `${kind}: p99 of accepted ones at ${rounded(factor)} times the rate, to that at half of it`;
  const generator = quantile(sorted(twice.map((row) => row['generator %'] + row['others %'])), 0.5) / 100;
  const isJudged = generator <= MAX_GENERATOR_SHARE && factor >= LEAST_FACTOR;
  if (!isJudged) {
    const ratio = rounded(quantile(ratios, 0.5));
    process.stdout.write(
      `NOT JUDGED ${p99Ratio}: ${ratio}, with a generator that was busy ${100 * generator} % of the time\n`,
    );
  }
  return [
    !isJudged || bar(p99Ratio, quantile(ratios, 0.5), MAX_P99_RATIO),
    bar(`${kind}: resident memory from the first round to the last, MiB`, growth(twice), MAX_GROWTH_MIB),
    bar(`${kind}: failed requests`, Math.max(...rows.map(({ failed }) => failed)), 0),
  ];
}

function growth(rows) {
  return rows.at(-1)['RSS MiB'] - rows[0]['RSS MiB'];
}
