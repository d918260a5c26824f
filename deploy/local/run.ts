import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Who a process runs as; nothing for "as this one". */
export interface User {
  uid?: number;
  gid?: number;
}

/**
 * Runs a program to its end, out of reach of the terminal's Ctrl-C: who interrupts it is the caller, by the signal.
 *
 * @returns what it wrote
 * @throws Error with that, when it fails; the signal's reason, when it was interrupted
 */
export async function run(
  program: string,
  args: readonly string[],
  options: User & { signal?: AbortSignal } = {},
): Promise<string> {
  const { signal, ...user } = options;
  signal?.throwIfAborted();
  const child = spawn(program, args, { ...user, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let written = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => (written += chunk));
  }
  const interrupt = () => child.kill('SIGINT');
  signal?.addEventListener('abort', interrupt);
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    signal?.throwIfAborted();
    if (code !== 0) throw new Error(`${program} ${args[0]} failed: ${written.trim()}`);
    return written;
  } finally {
    signal?.removeEventListener('abort', interrupt);
  }
}
