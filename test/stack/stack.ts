import { execFileSync } from 'node:child_process';
import { freePort } from '../support/free-port.ts';
import { Compose } from './compose.ts';

const FILES = ['docker-compose.yml', 'docker-compose.monitoring.yml', 'test/stack/alert-receiver.yml'];
const PROJECT = 'credit-default-smoke';

/** The stack as users bring it up, under a name and on ports of its own, with .env.example for its .env. */
export class Stack {
  readonly service: string;
  readonly mlflow: string;
  readonly prometheus: string;
  readonly alertReceiver: string;
  readonly commit: string;
  readonly compose: Compose;

  private constructor(commit: string, ports: Record<string, string>) {
    const url = (name: string): string => `http://127.0.0.1:${ports[name]}`;
    this.service = url('API_PORT');
    this.mlflow = url('MLFLOW_PORT');
    this.prometheus = url('PROMETHEUS_PORT');
    this.alertReceiver = url('ALERT_RECEIVER_PORT');
    this.commit = commit;
    this.compose = new Compose(PROJECT, FILES, {
      ...ports,
      GIT_COMMIT: commit,
      ALERT_WEBHOOK_URL: 'http://alert-receiver:8080',
    });
  }

  static async create(): Promise<Stack> {
    const ports: Record<string, string> = {};
    for (const name of [
      'API_PORT',
      'MLFLOW_PORT',
      'MINIO_PORT',
      'MINIO_CONSOLE_PORT',
      'PROMETHEUS_PORT',
      'ALERTMANAGER_PORT',
      'GRAFANA_PORT',
      'ALERT_RECEIVER_PORT',
    ]) {
      ports[name] = String(await freePort());
    }
    return new Stack(execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim(), ports);
  }

  /** Ends when all of it is healthy. Grafana is left out where its image cannot be had. */
  async up(): Promise<void> {
    await this.compose.down();
    let services = (await this.compose.read('config', '--services')).split('\n');
    if (!(await this.compose.canPull('grafana'))) {
      process.stdout.write('Grafana is left out: its image cannot be had here.\n');
      services = services.filter((name) => name !== 'grafana');
    }
    await this.compose.run('up', '--detach', '--build', '--wait', ...services);
  }

  /** @throws Error when Docker still has something of it afterwards */
  async down(): Promise<void> {
    await this.compose.down();
    const leftovers = await this.compose.leftovers();
    if (leftovers.length > 0) throw new Error(`Docker still has ${leftovers.join(', ')}.`);
  }
}
