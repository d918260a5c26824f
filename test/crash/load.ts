import { hash } from 'node:crypto';
import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

export const CONNECTIONS = 16;
const TRANSACTION_EVERY = 40;
const BATCH_ROWS = 20;
/** Goes in three statements of one transaction, and to PostgreSQL in more than a packet. */
const LARGE_BATCH_ROWS = 600;
/** What is no plain single prediction, by turns. */
const TRANSACTIONS = [
  { rows: BATCH_ROWS, isKeyed: false },
  { rows: 1, isKeyed: true },
  { rows: LARGE_BATCH_ROWS, isKeyed: false },
  { rows: BATCH_ROWS, isKeyed: true },
  { rows: 1, isKeyed: true },
  { rows: LARGE_BATCH_ROWS, isKeyed: true },
] as const;
/** So that repetitions, one a second of each, do not take the place of the load. */
const MAX_UNANSWERED_KEYS = 128;
/** How many other keys are answered before one is asked again: often the service was killed meanwhile. */
const KEYS_BETWEEN = 100;
/** What is worth a repetition: overloaded, or PostgreSQL is away; and in progress, for 30 s after its service was killed. */
const REPEATED_STATUSES: ReadonlySet<number> = new Set([503, 409]);
const REPEAT_BROKEN_AFTER_MS = 500;
const KEYS_ANSWERED_WITHIN_MS = 60_000;
/** A service that is down refuses at once; so the client does not spin. */
const PAUSE_AFTER_FAILURE_MS = 20;

/** A row that a client was told. */
export interface Acknowledged {
  id: string;
  reference: string;
  probability: number;
}

/** A request with an Idempotency-Key that was answered. */
export interface AnsweredKey {
  key: string;
  /** Of the answer's bytes. */
  sha256: string;
  /** Of its first row. */
  id: string;
}

interface Prediction {
  path: string;
  body: string;
  references: readonly string[];
  key: string | undefined;
  /** Set once it was answered. */
  sha256?: string;
}

interface Answer {
  id: string;
  probability: number;
}

interface Reply {
  status: number;
  text: string;
  retryAfterMs: number;
}

/**
 * Clients that each send one request after another, single predictions and now and then a batch, whatever happens. Some have an
 * Idempotency-Key: those are repeated until they are answered, and asked once more later.
 */
export class CrashLoad {
  readonly acknowledged: Acknowledged[] = [];
  readonly answeredKeys: AnsweredKey[] = [];
  /** When the last answer came, by `performance.now()`. */
  lastAnswerAt = -Infinity;
  /** Requests without a key. */
  refused = 0;
  broken = 0;
  /** Requests with a key that were not answered at once. */
  repeated = 0;
  /** Requests with a key that failed in a way that a repetition is not meant for. */
  failedKeys = 0;
  /** Keys that were asked again, and how many of them were answered otherwise. */
  askedAgain = 0;
  changed = 0;
  /** Without single predictions nothing but transactions writes the scoring context. */
  sendsSingles = true;
  private sent = 0;
  private transactions = 0;
  private stopped = false;
  private giveUpAt = Infinity;
  private readonly unanswered: { prediction: Prediction; dueAt: number }[] = [];
  private readonly toAskAgain: Prediction[] = [];
  private readonly agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  private readonly port: number;
  private readonly clients: Promise<void>[];

  constructor(port: number) {
    this.port = port;
    this.clients = Array.from({ length: CONNECTIONS }, () => this.run());
  }

  /** Keys that were never answered, or not once more, though they were repeated. */
  get unansweredKeys(): number {
    return this.unanswered.length + this.toAskAgain.length;
  }

  /** Ends once every key was answered, and asked again. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.giveUpAt = performance.now() + KEYS_ANSWERED_WITHIN_MS;
    await Promise.all(this.clients);
    this.agent.destroy();
  }

  private async run(): Promise<void> {
    while (!this.isDone) {
      const prediction = this.repetition() ?? (this.stopped ? undefined : this.newPrediction());
      if (!(prediction && (await this.send(prediction)))) await delay(PAUSE_AFTER_FAILURE_MS);
    }
  }

  private get isDone(): boolean {
    if (!this.stopped) return false;
    return this.unansweredKeys === 0 || performance.now() > this.giveUpAt;
  }

  private repetition(): Prediction | undefined {
    const due = this.unanswered.findIndex(({ dueAt }) => dueAt <= performance.now());
    if (due !== -1) return this.unanswered.splice(due, 1)[0]!.prediction;
    return this.stopped || this.toAskAgain.length > KEYS_BETWEEN ? this.toAskAgain.shift() : undefined;
  }

  private newPrediction(): Prediction {
    const number = this.sent++;
    const isTransaction = !this.sendsSingles || number % TRANSACTION_EVERY === 0;
    const { rows, isKeyed } = isTransaction ? this.nextTransaction() : { rows: 1, isKeyed: false };
    const references = Array.from({ length: rows }, (_, i) => `${number}-${i}-of-${rows}`);
    const data = references.map((reference, i) => ({ features: featuresOf(reference, i), reference }));
    const isBatch = rows > 1;
    const body = isBatch ? { data } : { data: { features: data[0]!.features }, reference: data[0]!.reference };
    return {
      path: isBatch ? '/predict/batch' : '/predict',
      body: JSON.stringify(body),
      references,
      key: isKeyed ? `key-${number}` : undefined,
    };
  }

  private nextTransaction(): (typeof TRANSACTIONS)[number] {
    const mayBeKeyed = this.unanswered.length < MAX_UNANSWERED_KEYS;
    const choice = TRANSACTIONS.filter(({ isKeyed }) => mayBeKeyed || !isKeyed);
    return choice[this.transactions++ % choice.length]!;
  }

  /** @returns whether it was answered */
  private async send(prediction: Prediction): Promise<boolean> {
    let reply: Reply | undefined;
    try {
      reply = await this.post(prediction);
    } catch {
      // The connection broke.
    }
    if (reply?.status === 200) this.answered(prediction, reply.text);
    else this.failed(prediction, reply);
    return reply?.status === 200;
  }

  private failed(prediction: Prediction, reply: Reply | undefined): void {
    if (prediction.key === undefined) {
      if (reply) this.refused++;
      else this.broken++;
    } else if (reply && !REPEATED_STATUSES.has(reply.status)) {
      this.failedKeys++;
    } else {
      this.repeated++;
      this.unanswered.push({ prediction, dueAt: performance.now() + (reply?.retryAfterMs ?? REPEAT_BROKEN_AFTER_MS) });
    }
  }

  private answered(prediction: Prediction, text: string): void {
    this.lastAnswerAt = performance.now();
    const sha256 = hash('sha256', text);
    if (prediction.sha256 !== undefined) {
      this.askedAgain++;
      if (prediction.sha256 !== sha256) this.changed++;
      return;
    }
    const answer = JSON.parse(text) as Answer | { predictions: Answer[] };
    const answers = 'predictions' in answer ? answer.predictions : [answer];
    for (const [i, { id, probability }] of answers.entries()) {
      this.acknowledged.push({ id, probability, reference: prediction.references[i]! });
    }
    const { key } = prediction;
    if (key === undefined) return;
    this.answeredKeys.push({ key, sha256, id: answers[0]!.id });
    this.toAskAgain.push({ ...prediction, sha256 });
  }

  /** An answer counts once all of it has arrived. */
  private post({ path, body, key }: Prediction): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const headers = {
        'Content-Type': 'application/json',
        'Content-Length': Buffer.byteLength(body),
        ...(key !== undefined && { 'Idempotency-Key': key }),
      };
      const options = { host: '127.0.0.1', port: this.port, path, method: 'POST', headers, agent: this.agent };
      const request = http.request(options, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.once('error', reject).once('close', () => {
          const retryAfterMs = 1000 * Number(response.headers['retry-after'] ?? 0);
          if (response.complete) resolve({ status: response.statusCode!, text, retryAfterMs });
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
