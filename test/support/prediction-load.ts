export interface LoadAnswer {
  status: number;
  version: string;
}

/** Predictions one after another on several connections, until it is stopped. */
export class PredictionLoad {
  private readonly answers: LoadAnswer[] = [];
  private stopped = false;
  private readonly clients: Promise<void>[];

  constructor(
    private readonly url: string,
    width: number,
    connections: number,
  ) {
    const body = JSON.stringify({ data: { features: Array.from({ length: width }, () => 0) } });
    this.clients = Array.from({ length: connections }, () => this.send(body));
  }

  /** @throws when a connection broke */
  async stop(): Promise<LoadAnswer[]> {
    this.stopped = true;
    await Promise.all(this.clients);
    return this.answers;
  }

  private async send(body: string): Promise<void> {
    while (!this.stopped) {
      const response = await fetch(`${this.url}/predict`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
      const { model } = (await response.json()) as { model?: { version: string } };
      this.answers.push({ status: response.status, version: model?.version ?? 'none' });
    }
  }
}
