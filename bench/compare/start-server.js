import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { processTree } from '../support/process-tree.js';
import { rows } from './model.js';

const LOGS = '.data/bench';
const START_DEADLINE_MS = 120_000;
const STOP_DEADLINE_MS = 10_000;
const POLL_MS = 20;
const LOG_SHOWN = 4000;

/**
 * A server that runs.
 *
 * @typedef {object} Running
 * @property {string} url
 * @property {number} pid all else is its descendant
 * @property {number} startSeconds until it could answer
 * @property {string} log where its output goes
 * @property {() => Promise<unknown>} stop
 */

/**
 * Starts a server, and waits until it answers.
 *
 * @param {string} name of its log below .data/bench
 * @param {object} how
 * @param {string[]} how.command
 * @param {Record<string, string>} how.env beside this process's own
 * @param {string} how.url
 * @param {import('./requests.js').Request} how.request that it answers when it is ready
 * @returns {Promise<Running>}
 * @throws Error with the end of the log
 */
export async function startServer(name, { command, env, url, request }) {
  mkdirSync(LOGS, { recursive: true });
  const log = path.join(LOGS, `${name}.log`);
  const output = openSync(log, 'w');
  const [program, ...args] = command;
  const startedAt = performance.now();
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', output, output] });
  closeSync(output);
  const ended = new Promise((resolve) => {
    child.once('exit', resolve).once('error', resolve);
  });
  const stop = () => stopTree(child, ended);
  let hasEnded = false;
  const killed = () => kill(processTree(child.pid));
  process.once('exit', killed); // where this process is interrupted
  void ended.then(() => {
    hasEnded = true;
    return process.off('exit', killed);
  });
  for (;;) {
    if (await answers(url + request.path, request.body(rows(1)))) break;
    const late = performance.now() - startedAt > START_DEADLINE_MS;
    if (hasEnded || late) {
      if (!hasEnded) await stop();
      throw new Error(
        `${name} did not start. Its log ${log} ends with:\n${readFileSync(log, 'utf8').slice(-LOG_SHOWN)}`,
      );
    }
    await delay(POLL_MS);
  }
  return { url, pid: child.pid, startSeconds: (performance.now() - startedAt) / 1000, log, stop };
}

async function answers(url, body) {
  try {
    return (await post(url, body)).ok;
  } catch {
    return false;
  }
}

/** @param {string} url */
export const post = (url, body) =>
  fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

/** Whole trees: some servers leave children behind. */
async function stopTree(child, ended) {
  const tree = processTree(child.pid);
  child.kill('SIGTERM');
  await Promise.race([ended, delay(STOP_DEADLINE_MS, undefined, { ref: false })]);
  kill(tree);
  await ended;
}

function kill(pids) {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  }
}
