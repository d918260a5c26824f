import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createLogger } from './create-logger.js';
import type { Env } from './env.schema.js';

describe('createLogger', () => {
  const isTTY = process.stdout.isTTY;
  let written: string[];

  beforeEach(() => {
    written = [];
    const write = (chunk: unknown) => written.push(String(chunk)) > 0;
    jest.spyOn(process.stdout, 'write').mockImplementation(write);
    jest.spyOn(process.stderr, 'write').mockImplementation(write);
  });
  afterEach(() => {
    jest.restoreAllMocks();
    process.stdout.isTTY = isTTY;
  });

  const levelsAt = (level: Env['LOG_LEVEL']): string[] => {
    const logger = createLogger({ LOG_FORMAT: 'json', LOG_LEVEL: level });
    for (const each of ['fatal', 'error', 'warn', 'log', 'debug', 'verbose'] as const) logger[each]('message');
    return written.map((line) => (JSON.parse(line) as { level: string }).level);
  };

  it.each([
    ['error', ['fatal', 'error']],
    ['warn', ['fatal', 'error', 'warn']],
    ['log', ['fatal', 'error', 'warn', 'log']],
    ['debug', ['fatal', 'error', 'warn', 'log', 'debug']],
    ['verbose', ['fatal', 'error', 'warn', 'log', 'debug', 'verbose']],
  ] as const)('at LOG_LEVEL=%s logs %j', (level, logged) => {
    expect(levelsAt(level)).toEqual(logged);
  });

  it('writes one JSON object a line, with the fields of the event beside the message', () => {
    createLogger({ LOG_FORMAT: 'json', LOG_LEVEL: 'log' }).log('Ready', { url: 'http://localhost:8000' }, 'Service');
    expect(written).toEqual([expect.stringMatching(/^\{.+\}\n$/)]);
    expect(JSON.parse(written[0]!)).toMatchObject({
      level: 'log',
      message: 'Ready',
      context: 'Service',
      url: 'http://localhost:8000',
    });
  });

  it('writes lines for a person as text', () => {
    createLogger({ LOG_FORMAT: 'text', LOG_LEVEL: 'log' }).log('Ready', 'Service');
    expect(written.join('')).toContain('Ready');
    expect(written.join('')).not.toContain('"message"');
  });

  it.each([
    ['JSON', false],
    ['text', true],
  ])('chooses %s by itself where stdout is a terminal: %p', (format, terminal) => {
    process.stdout.isTTY = terminal;
    createLogger({ LOG_FORMAT: 'auto', LOG_LEVEL: 'log' }).log('Ready');
    expect(written.join('').startsWith('{')).toBe(format === 'JSON');
  });

  it("leaves the framework's own progress to debug", () => {
    const atLog = createLogger({ LOG_FORMAT: 'json', LOG_LEVEL: 'log' });
    atLog.log('Mapped {/predict, POST} route', 'RouterExplorer');
    expect(written).toEqual([]);
    const atDebug = createLogger({ LOG_FORMAT: 'json', LOG_LEVEL: 'debug' });
    atDebug.log('Mapped {/predict, POST} route', 'RouterExplorer');
    expect(written).toEqual([expect.stringContaining('"level":"debug"')]);
  });
});
