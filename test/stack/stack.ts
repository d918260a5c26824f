import { execFileSync } from 'node:child_process';
import { Compose } from './compose.ts';

const FILES = ['docker-compose.yml', 'docker-compose.monitoring.yml', 'test/stack/alert-receiver.yml'];
const PROJECT = 'credit-default-smoke';
/** The usual ones and 10,000: below those that the system gives to whoever asks for any. */
const PORTS = {
  API_PORT: '18000',
  MLFLOW_PORT: '15000',
  MINIO_PORT: '19000',
  MINIO_CONSOLE_PORT: '19001',
  PROMETHEUS_PORT: '19090',
  ALERTMANAGER_PORT: '19093',
  GRAFANA_PORT: '13000',
  ALERT_RECEIVER_PORT: '18080',
};

/** The stack as users bring it up, under a name and on ports of its own, with .env.example for its .env. */
export class Stack {
  readonly service = urlOf('API_PORT');
  readonly mlflow = urlOf('MLFLOW_PORT');
  readonly prometheus = urlOf('PROMETHEUS_PORT');
  readonly alertReceiver = urlOf('ALERT_RECEIVER_PORT');
  readonly commit = execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim();
  readonly compose = new Compose(PROJECT, FILES, {
    ...PORTS,
    GIT_COMMIT: this.commit,
    ALERT_WEBHOOK_URL: 'http://alert-receiver:8080',
  });

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

function urlOf(port: keyof typeof PORTS): string {
  return `http://127.0.0.1:${PORTS[port]}`;
}
