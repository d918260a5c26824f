/**
 * Does an alias that moves disturb the traffic, and how soon is it followed?
 *
 * Registers versions of the bundled model in a real MLflow, drives the built service with 16 connections, and moves the
 * alias 50 times: 36 with MLflow's webhook, in rounds that alternate with quiet ones, and 14 with polling alone. Every
 * fourth move is to a version that was never downloaded. Checks every single answer. Prints one row per round and the
 * figures with their limits; exits 1 when one is missed.
 *
 *   npm run bench:alias-moves            with the environment of the integration tests
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { RegistryLab } from '../test/support/registry-lab.ts';
import { adoptedAt, longestStaleness, longestStall } from './support/alias-record.js';
import { monotonicMs } from './support/clock.js';
import { LoadClient } from './support/load-client.js';
import { registerVersions, requireServers, startFollowing } from './support/registry.js';
import { bar, printTable, quantile, rounded, sorted } from './support/report.js';

const CONNECTIONS = 16;
const WEBHOOK_ROUNDS = 3;
const MOVES_PER_WEBHOOK_ROUND = 12;
const POLL_MOVES = 14;
const MOVES = WEBHOOK_ROUNDS * MOVES_PER_WEBHOOK_ROUND + POLL_MOVES;
const FRESH_EVERY = 4;
const QUIET_ROUND_MS = 6000;
const POLL_INTERVAL_MS = 2000;
/** Beyond the interval, for the first new answer: the look and the download. */
const POLL_SLACK_MS = 1000;
const MAX_STALL_MS = 50;
const MAX_WEBHOOK_MEDIAN_MS = 300;
const GIVE_UP_MS = 15_000;
/** From a swap until the next move: the old model is freed, and traffic is served by the new one alone. */
const SETTLE_MS = 300;
/** A symbol, so that a round's list of them is not a column of the table. */
const DELAYS = Symbol('delays');
const WEBHOOK_SECRET = 'a secret that both know';
/** MLflow goes on delivering until its list of webhooks is read again. */
const WEBHOOK_CACHE_MS = 2000;

requireServers();
const lab = await RegistryLab.create('proxied');
const directory = await mkdtemp(path.join(tmpdir(), 'bench-alias-moves-'));
try {
  await main();
} finally {
  await rm(directory, { recursive: true });
  await lab.close();
}

async function main() {
  const [first, second, ...fresh] = await registerVersions(lab, 2 + Math.ceil(MOVES / FRESH_EVERY));
  const targets = moveTargets(first, second, fresh);
  await lab.setAlias('production', first);
  const gapsFile = path.join(directory, 'gaps.json');
  const service = await startFollowing(lab, {
    MODEL_POLL_INTERVAL_MS: String(POLL_INTERVAL_MS),
    MLFLOW_WEBHOOK_SECRET: WEBHOOK_SECRET,
    EVENT_LOOP_GAPS_FILE: gapsFile,
    NODE_OPTIONS: '--import ./bench/support/event-loop-gaps.js',
  });
  const load = new LoadClient();
  try {
    const moves = [{ version: first, calledAt: -Infinity, returnedAt: -Infinity }];
    const rounds = [];
    const round = async (name, during) => {
      const startedAt = monotonicMs();
      load.start(service.url, CONNECTIONS);
      await during();
      rounds.push({ name, startedAt, endedAt: monotonicMs(), answers: await load.stop() });
    };
    const move = async () => moves.push(await moveAlias(load, targets[moves.length - 1]));

    load.start(service.url, CONNECTIONS);
    await delay(3000);
    await load.stop(); // warm-up
    const webhook = await lab.createWebhook(`${service.url}/webhooks/mlflow`, WEBHOOK_SECRET);
    await delay(WEBHOOK_CACHE_MS);
    for (let i = 0; i < WEBHOOK_ROUNDS; i++) {
      await round('quiet', () => delay(QUIET_ROUND_MS));
      await round('webhook', () => repeat(MOVES_PER_WEBHOOK_ROUND, move));
    }
    await lab.deleteWebhook(webhook);
    await delay(WEBHOOK_CACHE_MS);
    await round('poll', () => repeat(POLL_MOVES, move));

    load.close();
    await service.stop();
    report(rounds, moves, JSON.parse(await readFile(gapsFile, 'utf8')), fresh.length);
  } finally {
    await service.stop('SIGKILL');
  }
}

/** Back and forth between two versions, and every fourth time to one that was never downloaded. */
function moveTargets(first, second, fresh) {
  const unseen = fresh.values();
  return Array.from({ length: MOVES }, (_, i) =>
    i % FRESH_EVERY === 0 ? unseen.next().value : i % 2 === 0 ? first : second,
  );
}

async function moveAlias(load, version) {
  const changed = load.changedTo(version, GIVE_UP_MS);
  const calledAt = monotonicMs();
  await lab.setAlias('production', version);
  const returnedAt = monotonicMs();
  await changed;
  await delay(SETTLE_MS);
  return { version, calledAt, returnedAt };
}

async function repeat(times, action) {
  for (let i = 0; i < times; i++) await action();
}

function report(rounds, moves, gaps, freshMoves) {
  const rows = rounds.map((round) => describe(round, moves, gaps));
  printTable(rows);

  const column = (name, title) => sorted(rows.filter(({ round }) => round === name).flatMap((row) => row[title]));
  const p999 = (name) => quantile(column(name, 'p99.9 ms'), 0.5);
  const answered = rounds.reduce((sum, { answers }) => sum + answers.failed.length, 0);
  process.stdout.write(
    `${MOVES} moves, ${freshMoves} of them to versions that were not in the cache; ${answered} answers; ` +
      `median p99.9 ${p999('quiet')} ms in quiet rounds, ${p999('webhook')} ms with moves\n`,
  );
  const failed = rows.reduce((sum, row) => sum + row.failed, 0);
  const stalls = [...column('webhook', 'busy ms'), ...column('poll', 'busy ms')];
  const bars = [
    bar('answers other than 200, and broken connections', failed, 0),
    bar('webhook: ms that an answer was out of date', column('webhook', 'stale ms').at(-1), POLL_INTERVAL_MS),
    bar('poll: the same', column('poll', 'stale ms').at(-1), POLL_INTERVAL_MS),
    bar('longest stall of the event loop in a move, busy ms', Math.max(...stalls), MAX_STALL_MS),
    bar('webhook: median ms to the first new answer', quantile(column('webhook', DELAYS), 0.5), MAX_WEBHOOK_MEDIAN_MS),
    bar('poll: longest ms to the first new answer', column('poll', DELAYS).at(-1), POLL_INTERVAL_MS + POLL_SLACK_MS),
  ];
  process.exitCode = bars.every(Boolean) ? 0 : 1;
}

function describe({ name, startedAt, endedAt, answers }, moves, gaps) {
  const latencies = sorted(answers.endedAt.map((end, i) => end - answers.startedAt[i]));
  const within = moves.filter(({ calledAt }) => calledAt >= startedAt && calledAt < endedAt);
  const spans = within.map((move) => ({ from: move.calledAt, until: adoptedAt(move, answers) + SETTLE_MS }));
  const stall = longestStall(gaps, spans.length > 0 ? spans : [{ from: startedAt, until: endedAt }]);
  return {
    round: name,
    'req/s': Math.round((1000 * latencies.length) / (endedAt - startedAt)),
    'p50 ms': rounded(quantile(latencies, 0.5)),
    'p99 ms': rounded(quantile(latencies, 0.99)),
    'p99.9 ms': rounded(quantile(latencies, 0.999)),
    'max ms': rounded(latencies.at(-1)),
    failed: answers.failed.filter(Boolean).length,
    'stale ms': rounded(longestStaleness(answers, moves)),
    'stall ms': rounded(stall.clockMs),
    'busy ms': rounded(stall.busyMs),
    /** From the return of the call that moved the alias to the first answer by the new version. */
    [DELAYS]: within.map((move) => Math.max(0, adoptedAt(move, answers) - move.returnedAt)),
  };
}
