import { describe, expect, it } from '@jest/globals';
import { auditedApp } from '../support/audited-app.js';
import { runCommand, startCommand } from '../support/run-command.js';

const audited = auditedApp();

/** `npm run log:hold` with nothing but this variable. */
const logHold = (args: readonly string[], DATABASE_URL = audited.database.url) =>
  runCommand('prediction-log/commands/hold.cli.js', { DATABASE_URL }, ...args);

const place = (reference: string, reason = 'case 2026/17') => logHold(['--reference', reference, '--reason', reason]);

const erase = async (reference: string) => (await audited.send('POST /predictions/erasures', { reference })).status;

describe('npm run log:hold', () => {
  it('keeps the records of a reference from being erased until it is released', async () => {
    await audited.predict('s3cr3t-1');
    const placed = await place('s3cr3t-1');
    expect(placed).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(
        /^[\dT:.-]+Z On hold\. Predictions that are kept: 1, and those to come\. Reason: case 2026\/17\n$/,
      ),
    });
    expect(await erase('s3cr3t-1')).toBe(409);
    const released = await logHold(['--reference', 's3cr3t-1', '--release']);
    expect(released).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/Z Released\. /) });
    expect(await erase('s3cr3t-1')).toBe(201);
    expect(placed.stdout + released.stdout).not.toContain('s3cr3t-1');
  });

  it('reads the reference from its standard input, where the list of processes does not show it', async () => {
    const args = ['--reference', '-', '--reason', 'case 2026/18'];
    const { child, ended } = startCommand(
      'prediction-log/commands/hold.cli.js',
      { DATABASE_URL: audited.database.url },
      ...args,
    );
    child.stdin!.end('s3cr3t-3\n');
    expect(await ended).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('On hold.') });
    expect(await erase('s3cr3t-3')).toBe(409);
  });

  it('leaves a hold as it is that was placed before', async () => {
    await place('s3cr3t-2');
    const again = await place('s3cr3t-2', 'another reason');
    expect(again).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/On hold already, since .+Reason: case/),
    });
  });

  it('says that there is nothing to release', async () => {
    expect(await logHold(['--reference', 'nobody', '--release'])).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: 'Nothing was changed: this reference is not on hold.\n',
    });
  });

  it.each([
    [[], /say --reference REFERENCE, or - to read it from standard input, with --reason TEXT, or with --release/],
    [['--reference', 'a'], /say --reference/],
    [['--reference', '', '--release'], /say --reference/],
    [['--reference', 'a', '--reason', 'b', '--release'], /say --reference/],
    [['--reference', 'a', '--reasons', 'b'], /--reasons/],
  ])('refuses the arguments %j', async (args, stderr) => {
    expect(await logHold(args)).toMatchObject({ exitCode: 1, stdout: '', stderr: expect.stringMatching(stderr) });
  });

  it.each([
    ['no database', '', /DATABASE_URL is not set/],
    ['PostgreSQL away', 'postgresql://127.0.0.1:1/none', /ECONNREFUSED/],
  ])('says why with %s', async (_what, url, stderr) => {
    const args = ['--reference', 'a', '--release'];
    expect(await logHold(args, url)).toMatchObject({ exitCode: 1, stdout: '', stderr: expect.stringMatching(stderr) });
  });

  it('says that the schema is too old', async () => {
    const name = `empty_${process.pid}`;
    await audited.client.query(`CREATE DATABASE ${name}`);
    const url = new URL(audited.database.url);
    url.pathname = name;
    const { exitCode, stderr } = await logHold(['--reference', 'a', '--release'], url.href);
    await audited.client.query(`DROP DATABASE ${name}`);
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringContaining('npm run migration:run') });
  });
});
