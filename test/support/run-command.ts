import { type ChildProcess, execFile } from 'node:child_process';

export interface EndedCommand {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/**
 * Starts a command of the build, as `npm run` does.
 *
 * @param script such as `database/migrate.cli.js`
 * @param env its whole environment
 */
export function startCommand(
  script: string,
  env: Record<string, string>,
  ...args: string[]
): { child: ChildProcess; ended: Promise<EndedCommand> } {
  const { promise: ended, resolve } = Promise.withResolvers<EndedCommand>();
  const child = execFile(process.execPath, [`dist/${script}`, ...args], { env }, (error, stdout, stderr) => {
    resolve({ exitCode: Number(error?.code ?? 0), stdout, stderr });
  });
  return { child, ended };
}

/** Runs a command of the build to its end. */
export const runCommand = (...command: Parameters<typeof startCommand>): Promise<EndedCommand> =>
  startCommand(...command).ended;
