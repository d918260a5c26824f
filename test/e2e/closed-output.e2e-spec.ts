import { execFile } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type BuiltService, startBuiltService } from '../support/built-service.js';
import { type TestDatabase, testDatabases } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { fixtureModel } from '../support/fixture-models.js';
import { runCommand, startCommand } from '../support/run-command.js';

const openDatabase = testDatabases();
let database: TestDatabase;
let service: BuiltService;

const predict = async (features: unknown): Promise<number> => {
  const answer = await fetch(`${service.url}/predict`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ data: { features } }),
  });
  return answer.status;
};

/** A refused request leaves a line, an answered one none: each of these makes the service write between two answers. */
async function traffic(): Promise<number[]> {
  const statuses: number[] = [];
  for (let i = 0; i < 20; i++) statuses.push(await predict([40, 0.5, 1]), await predict('refused'));
  return statuses;
}
const AS_ALWAYS = Array.from({ length: 20 }, () => [200, 400]).flat();

async function counted(name: string): Promise<number> {
  const metrics = await (await fetch(`${service.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(metrics)![1]);
}

describe('The service', () => {
  beforeEach(async () => {
    database = await openDatabase();
    service = await startBuiltService({
      ...database.env,
      PREDICTION_LOG_WRITERS: '1',
      MODEL_URI: fixtureModel('lightgbm-small'),
      BOOM_ENABLED: 'true',
    });
  });
  afterEach(() => service.stop('SIGKILL'));

  it('whose stdout has lost its reader goes on, shuts down in order, and writes the heads of its chains to stderr', async () => {
    service.process.stdout!.destroy();
    const before = service.logs();
    expect(await traffic()).toEqual(AS_ALWAYS);
    expect(await counted('log_lines_redirected_total')).toBeGreaterThanOrEqual(20);
    expect(await counted('log_lines_lost_total')).toBe(0);
    expect(await service.stop()).toBe(0);
    const lines = service.logs().slice(before.length).trim().split('\n');
    const messages = lines.map((line) => (JSON.parse(line) as { message: string }).message);
    expect(messages).toEqual([
      ...Array<string>(20).fill('Request answered'),
      'Shutting down',
      'Prediction log head',
      'Shut down',
    ]);
  });

  it('that can write nowhere goes on, counts the lines that are lost, and ends with 0', async () => {
    service.process.stdout!.destroy();
    service.process.stderr!.destroy();
    expect(await traffic()).toEqual(AS_ALWAYS);
    expect(await counted('log_lines_lost_total')).toBeGreaterThanOrEqual(20);
    expect(await service.stop('SIGINT')).toBe(0);
  });

  it('whose stderr has lost its reader writes what it tells there to stdout', async () => {
    service.process.stderr!.destroy();
    expect((await fetch(`${service.url}/boom`)).status).toBe(500);
    await eventually(() => expect(service.logs()).toContain('"httpStatus":500'));
    expect(await service.stop()).toBe(0);
  });
});

describe('A command', () => {
  beforeEach(async () => {
    database = await openDatabase();
  });

  it('whose reader has gone away ends with the status of what it found, and says it on stderr', async () => {
    const { child, ended } = startCommand('prediction-log/commands/verify.cli.js', database.env);
    child.stdout!.destroy();
    const { exitCode, stderr } = await ended;
    expect(stderr).toMatch(/^predictions: 0 rows .+\nAll of it fits\.\n$/s);
    expect(exitCode).toBe(0);
  });

  it.each([
    ['database/migrate.cli.js', 'The schema of the database is that of this build.'],
    ['prediction-log/commands/maintain.cli.js', 'All is done.'],
    ['prediction-log/commands/verify.cli.js', 'All of it fits.'],
  ])('whose output goes to a full disk says it on stderr: %s', async (script, said) => {
    const { promise, resolve } = Promise.withResolvers<{ status: number; stderr: string }>();
    const command = `exec "${process.execPath}" dist/${script} > /dev/full`;
    execFile('sh', ['-c', command], { env: database.env }, (error, _stdout, stderr) => {
      resolve({ status: Number(error?.code ?? 0), stderr });
    });
    const { status, stderr } = await promise;
    expect(stderr).toContain(said);
    expect(status).toBe(0);
  });

  it('that fails and has no stderr says why on stdout', async () => {
    const { child, ended } = startCommand('prediction-log/commands/verify.cli.js', {});
    child.stderr!.destroy();
    const { exitCode, stdout } = await ended;
    expect(stdout).toMatch(/^The log was not checked: .+\n$/);
    expect(exitCode).toBe(2);
    expect((await runCommand('prediction-log/commands/verify.cli.js', {})).stderr).toBe(stdout);
  });
});
