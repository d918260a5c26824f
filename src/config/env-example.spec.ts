import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { envVariables } from './env.schema.js';

const HEADER = `# Every environment variable of the service, with its default. Copy this file to .env, which the service reads from
# its working directory, and uncomment what you change. Variables that are really set win over the file.
`;

// What follows is docker-compose.yml's; test/stack/stack-files.spec.ts looks at it.
const [example] = readFileSync('.env.example', 'utf8').split(/\n# -{20,}\n# The stack/);

/** A variable as it stands in the example: its description, then its default, if it has one. */
const entry = (name: string, description = '', value: unknown = ''): string =>
  `\n# ${description}\n#${name}=${String(value)}\n`;

describe('.env.example, for the service', () => {
  it('lists every variable with its description and default, in the order of env.schema.ts', () => {
    const entries = Object.entries(envVariables).map(([name, schema]) =>
      entry(name, schema.description, schema.parse(undefined)),
    );
    expect(example).toBe(HEADER + entries.join(''));
  });

  it.each(Object.entries(envVariables))('describes %s', (_name, { description }) => {
    expect(description).toMatch(/\w.*\.$/);
  });
});
