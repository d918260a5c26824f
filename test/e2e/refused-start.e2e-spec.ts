import { readdirSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { type EndedService, runBuiltService } from '../support/built-service.js';
import {
  ENDLESS_MODEL,
  fixtureModel,
  FIXTURE_MODELS,
  REFUSED_MODELS,
  SERVED_MODELS,
} from '../support/fixture-models.js';

const linesOf = (output: string): string[] => output.trimEnd().split('\n');

/** Exit code 1, and in the only line what a person can act on. */
function messageOfRefusal({ exitCode, output }: EndedService): string {
  expect(exitCode).toBe(1);
  expect(linesOf(output)).toHaveLength(1);
  const { level, message, ...rest } = JSON.parse(output) as { level: string; message: string };
  expect(level).toBe('error');
  expect(Object.keys(rest)).toEqual(['pid', 'timestamp']);
  return message;
}

describe('A model that must not serve', () => {
  it.each(Object.entries(REFUSED_MODELS))('stops the start with one line that says why: %s', async (name, fault) => {
    const message = messageOfRefusal(await runBuiltService({ MODEL_URI: fixtureModel(name) }));
    expect(message).toMatch(fault);
  });

  it('stops the start with one line that says why: a directory that is not there', async () => {
    const message = messageOfRefusal(await runBuiltService({ MODEL_URI: 'file:no/such/model' }));
    expect(message).toMatch(/Cannot read the model directory .+no\/such\/model \(ENOENT\): check MODEL_URI/);
  });

  it('stands in the fixtures, beside those that are served and the one that never ends', () => {
    const directories = readdirSync(FIXTURE_MODELS, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !/^[._]/.test(entry.name))
      .map(({ name }) => name);
    expect([...SERVED_MODELS, ENDLESS_MODEL, ...Object.keys(REFUSED_MODELS)].toSorted()).toEqual(
      directories.toSorted(),
    );
  });
});

describe('An environment variable that is not valid', () => {
  it.each([
    ['NODE_ENV', 'staging', /"development"\|"test"\|"production"/],
    ['PORT', '65536', /<=65535/],
    ['LOG_LEVEL', 'trace', /"error"\|"warn"\|"log"\|"debug"\|"verbose"/],
    ['LOG_FORMAT', 'xml', /"auto"\|"json"\|"text"/],
    ['MODEL_URI', 'ml/model', /must be models:.+ or file:PATH/],
    ['MODEL_URI', 'file://otherhost/model', /must be models:.+ or file:PATH/],
    ['BATCH_WORKERS', '0', />=1/],
    ['BATCH_MAX_PENDING', 'many', /must be a whole number/],
    ['BOOM_ENABLED', 'maybe', /must be true or false/],
    ['SHUTDOWN_DELAY_MS', '-1', /must be a whole number/],
    ['SHUTDOWN_GRACE_MS', '999', />=1000/],
  ])('stops the start with one line: %s=%s', async (name, value, allowed) => {
    const ended = await runBuiltService({ [name]: value });
    const message = messageOfRefusal(ended);
    expect(message).toContain(`${name}: `);
    expect(message).toMatch(allowed);
  });

  it('stops the start when the service cannot listen, and names the address', async () => {
    const { exitCode, output } = await runBuiltService({ HOST: '192.0.2.1', MODEL_URI: fixtureModel('single-column') });
    expect(exitCode).toBe(1);
    expect(output).toMatch(/The service did not start: .*address not available 192\.0\.2\.1/);
  });
});
