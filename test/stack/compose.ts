import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** `docker compose logs` of a stack that went wrong can be long. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/** `docker compose` for one project. Settings are those of .env.example, but for what `env` says. */
export class Compose {
  private readonly project: string;
  private readonly files: readonly string[];
  private readonly env: NodeJS.ProcessEnv;

  constructor(project: string, files: readonly string[], env: Record<string, string>) {
    this.project = project;
    this.files = files;
    this.env = { ...process.env, ...env };
  }

  /** The same project, with one more file laid over the others. */
  with(file: string): Compose {
    return new Compose(this.project, [...this.files, file], this.env as Record<string, string>);
  }

  /** What `docker compose` says goes to the terminal. */
  async run(...args: string[]): Promise<void> {
    const child = spawn('docker', this.argv(args), { env: this.env, stdio: ['ignore', 'inherit', 'inherit'] });
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`docker compose ${args.join(' ')} failed.`);
  }

  async read(...args: string[]): Promise<string> {
    return this.docker(...this.argv(args));
  }

  async docker(...args: string[]): Promise<string> {
    const { stdout } = await run('docker', args, { env: this.env, maxBuffer: MAX_OUTPUT_BYTES });
    return stdout.trim();
  }

  /** Whether the image of a service is here, or can be brought here. */
  async canPull(service: string): Promise<boolean> {
    return this.read('pull', '--quiet', '--policy', 'missing', service).then(
      () => true,
      () => false,
    );
  }

  /** Ids of the containers of a service. */
  async containers(service: string): Promise<string[]> {
    return (await this.read('ps', '--quiet', service)).split('\n');
  }

  /** With its volumes, and with what an earlier run may have left. */
  async down(): Promise<void> {
    await this.run('--profile', '*', 'down', '--volumes', '--remove-orphans');
  }

  /** What Docker has of the project: containers, volumes and networks. */
  async leftovers(): Promise<string[]> {
    const ofProject = ['--filter', `label=com.docker.compose.project=${this.project}`, '--quiet'];
    const found = await Promise.all([
      this.docker('ps', '--all', ...ofProject),
      this.docker('volume', 'ls', ...ofProject),
      this.docker('network', 'ls', ...ofProject),
    ]);
    return found.flatMap((ids) => ids.split('\n')).filter((id) => id !== '');
  }

  private argv(args: readonly string[]): string[] {
    const files = this.files.flatMap((file) => ['--file', file]);
    const options = ['--progress', 'plain', '--project-name', this.project, '--env-file', '.env.example'];
    return ['compose', ...options, ...files, ...args];
  }
}
