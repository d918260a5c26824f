/** The servers that are compared, and how each is started. They inherit the core of this process. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { freePort } from '../../deploy/local/postgres-server.ts';
import { startBuiltService } from '../../test/support/built-service.ts';
import { singleThreadedModel } from './mlflow-model.js';
import { MODEL, THRESHOLD } from './model.js';
import { bentomlPredict, infer, invocations, predict, predictBatch } from './requests.js';
import { startServer } from './start-server.js';

const PEERS = 'bench/peers';
const HOST = '127.0.0.1';

/**
 * @typedef {object} Server
 * @property {string} name for SERVERS
 * @property {string} title in the tables
 * @property {import('./requests.js').Request} single
 * @property {import('./requests.js').Request} batch
 * @property {() => Promise<import('./start-server.js').Running>} start
 * @property {boolean} [records] whether it writes to PostgreSQL
 */

/**
 * @param {Record<string, string>} logEnv what the service needs to record its answers
 * @returns {Server[]} in the order of the tables
 */
export const servers = (logEnv) => [
  ours('ours', 'this service, log off', { PREDICTION_LOG: 'off' }),
  { ...ours('ours-logged', 'this service, log committed', logEnv), records: true },
  peer('bare-node', {
    title: `bare node:http, onnxruntime-node ${packageJson().dependencies['onnxruntime-node']}`,
    single: predict,
    batch: predictBatch,
    command: () => [process.execPath, ...nodeOptions(), `${PEERS}/bare-node/server.js`],
  }),
  peer('fastapi', {
    title: `FastAPI ${version('fastapi')}, uvicorn ${version('fastapi', 'uvicorn')}`,
    single: predict,
    batch: predictBatch,
    command: (port) => words(`python -m uvicorn server:app --app-dir ${PEERS}/fastapi --host ${HOST} --port ${port}`),
  }),
  peer('mlflow', {
    title: `mlflow models serve ${version('mlflow')}`,
    single: invocations,
    batch: invocations,
    command: (port) =>
      words(
        `mlflow models serve -m ${singleThreadedModel()} --env-manager local --host ${HOST} --port ${port} --workers 1`,
      ),
  }),
  peer('mlserver', {
    title: `MLServer ${version('mlserver')}`,
    single: infer,
    batch: infer,
    command: () => words(`mlserver start ${PEERS}/mlserver`),
    env: async (port) => ({
      MLSERVER_HOST: HOST,
      MLSERVER_HTTP_PORT: port,
      MLSERVER_GRPC_PORT: await freePort(),
      MLSERVER_METRICS_PORT: await freePort(),
      MLSERVER_PARALLEL_WORKERS: '0',
      MLSERVER_DEBUG: 'false', // or it logs every request
      MLSERVER_MODEL_URI: MODEL,
    }),
  }),
  peer('bentoml', {
    title: `BentoML ${version('bentoml')}`,
    single: bentomlPredict,
    batch: bentomlPredict,
    command: (port) =>
      words(`bentoml serve server:Scorer --working-dir ${PEERS}/bentoml --host ${HOST} --port ${port}`),
  }),
  peer('ray-serve', {
    title: `Ray Serve ${version('ray-serve', 'ray')}`,
    single: predict,
    batch: predictBatch,
    command: () => words(`python ${PEERS}/ray-serve/server.py`),
  }),
];

function ours(name, title, env) {
  const start = async () => {
    const startedAt = performance.now();
    const service = await startBuiltService({ NODE_ENV: 'production', ...env });
    const startSeconds = (performance.now() - startedAt) / 1000;
    const url = service.url.replace('localhost', HOST);
    return { url, pid: service.process.pid, startSeconds, stop: () => service.stop() };
  };
  return { name, title, single: predict, batch: predictBatch, start };
}

function peer(name, { title, single, batch, command, env = async () => ({}) }) {
  const start = async () => {
    const port = String(await freePort());
    return startServer(name, {
      command: command(port),
      env: { ...ENV, PATH: pathWith(name), PORT: port, ...(await env(port)) },
      url: `http://${HOST}:${port}`,
      request: single,
    });
  };
  return { name, title, single, batch, start };
}

const ENV = {
  MODEL,
  THRESHOLD: String(THRESHOLD),
  UVICORN_ACCESS_LOG: 'false', // nor do the others write a line for every request
  // None of them is to report its use.
  BENTOML_DO_NOT_TRACK: 'True',
  DO_NOT_TRACK: 'true',
  MLFLOW_DISABLE_TELEMETRY: 'true',
  ORT_DISABLE_TELEMETRY: '1',
  RAY_USAGE_STATS_ENABLED: '0',
};

const words = (text) => text.split(' ');

const pathWith = (name) => [path.resolve(PEERS, name, '.venv/bin'), process.env.PATH].join(path.delimiter);

/** Those of this service: what they gain is not the service's own. */
const nodeOptions = () => packageJson().scripts.start.split(' ').slice(1, -1);

const packageJson = () => JSON.parse(readFileSync('package.json', 'utf8'));

/** The pinned one, of the package that a peer is named after unless another is said. */
function version(name, packageName = name) {
  const requirements = readFileSync(`${PEERS}/${name}/requirements.in`, 'utf8');
  return new RegExp(String.raw`^${packageName}(?:\[\w+\])?==(\S+)`, 'm').exec(requirements)[1];
}
