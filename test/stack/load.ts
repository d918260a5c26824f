import { setTimeout as delay } from 'node:timers/promises';
import { predict } from './client.ts';

const CLIENTS = 10;
const PAUSE_MS = 50;

/** Clients that ask for a prediction, wait a little and ask again; none repeats a request that failed. */
export class Load {
  answered = 0;
  readonly failures: string[] = [];
  readonly replicas = new Set<string>();
  private stopped = false;
  private readonly url: string;
  private readonly clients: Promise<void>[];

  constructor(url: string) {
    this.url = url;
    this.clients = Array.from({ length: CLIENTS }, () => this.run());
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.clients);
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      try {
        this.replicas.add((await predict(this.url)).replica ?? 'the service itself');
        this.answered++;
      } catch (error) {
        this.failures.push(`${new Date().toISOString()} ${(error as Error).message}`);
      }
      await delay(PAUSE_MS);
    }
  }
}
