import { execFile } from 'node:child_process';

export interface EndedCommand {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/**
 * Runs a command of the build to its end, as `npm run` does.
 *
 * @param script such as `database/migrate.cli.js`
 * @param env its whole environment
 */
export const runCommand = (script: string, env: Record<string, string>, ...args: string[]): Promise<EndedCommand> =>
  new Promise((resolve) => {
    execFile(process.execPath, [`dist/${script}`, ...args], { env }, (error, stdout, stderr) => {
      resolve({ exitCode: Number(error?.code ?? 0), stdout, stderr });
    });
  });
