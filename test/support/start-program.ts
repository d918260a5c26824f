import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface Program {
  /** Everything written to stdout and stderr so far. */
  output(): string;
  /** Ends it and waits for the end. */
  stop(): Promise<void>;
}

export function startProgram(file: string, args: readonly string[]): Program {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let written = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => (written += chunk));
  }
  const ended = once(child, 'close');
  return {
    output: () => written,
    async stop() {
      child.kill();
      await ended;
    },
  };
}
