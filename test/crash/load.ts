import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

const CONNECTIONS = 16;
const BATCH_EVERY = 40;
const BATCH_ROWS = 20;
/** A service that is down refuses at once; so the client does not spin. */
const PAUSE_AFTER_FAILURE_MS = 20;

/** A row that a client was told. */
export interface Acknowledged {
  id: string;
  reference: string;
  probability: number;
}

interface Answer {
  id: string;
  probability: number;
}

/** Clients that each send one request after another, single predictions and now and then a batch, whatever happens. */
export class CrashLoad {
  readonly acknowledged: Acknowledged[] = [];
  refused = 0;
  broken = 0;
  private sent = 0;
  private stopped = false;
  private readonly agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  private readonly port: number;
  private readonly clients: Promise<void>[];

  constructor(port: number) {
    this.port = port;
    this.clients = Array.from({ length: CONNECTIONS }, () => this.run());
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.clients);
    this.agent.destroy();
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      const number = this.sent++;
      const references = Array.from(
        { length: number % BATCH_EVERY === 0 ? BATCH_ROWS : 1 },
        (_, i) => `${number}-${i}`,
      );
      try {
        await this.request(references);
      } catch {
        this.broken++;
        await delay(PAUSE_AFTER_FAILURE_MS);
      }
    }
  }

  private async request(references: readonly string[]): Promise<void> {
    const rows = references.map((reference, i) => ({ features: featuresOf(reference, i), reference }));
    const isBatch = rows.length > 1;
    const body = isBatch ? { data: rows } : { data: { features: rows[0]!.features }, reference: rows[0]!.reference };
    const { status, text } = await this.post(isBatch ? '/predict/batch' : '/predict', JSON.stringify(body));
    if (status !== 200) {
      this.refused++;
      await delay(PAUSE_AFTER_FAILURE_MS);
      return;
    }
    const answer = JSON.parse(text) as Answer | { predictions: Answer[] };
    const answers = 'predictions' in answer ? answer.predictions : [answer];
    for (const [i, { id, probability }] of answers.entries()) {
      this.acknowledged.push({ id, probability, reference: references[i]! });
    }
  }

  /** An answer counts once all of it has arrived. */
  private post(path: string, body: string): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };
      const options = { host: '127.0.0.1', port: this.port, path, method: 'POST', headers, agent: this.agent };
      const request = http.request(options, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.once('error', reject).once('close', () => {
          if (response.complete) resolve({ status: response.statusCode!, text });
          else reject(new Error('The answer broke off.'));
        });
      });
      request.once('error', reject).end(body);
    });
  }
}

/** Different for every row, so that a mix-up between rows shows in their probabilities. */
const featuresOf = (reference: string, i: number): number[] => [
  10_000 + (Number.parseInt(reference, 10) % 500) * 1000,
  i % 7,
  0,
  i % 5,
  0,
  0.4,
  0.35,
  0.05,
  1800,
  0.1,
];
