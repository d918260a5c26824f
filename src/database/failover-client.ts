import { callbackify } from 'node:util';
import { Client, type Connection } from 'pg';
import type { DatabaseOptions } from './client-options.js';
import { endClient, openClient } from './open-client.js';

const READ_ONLY = '25006';

/** The client of a pool over several hosts: it goes to the one that takes writes at the moment, and ends when that has become a standby. */
export class FailoverClient extends Client {
  constructor(private readonly options: DatabaseOptions) {
    super(options);
    const { connection } = this as unknown as { connection: Connection };
    connection.on('errorMessage', ({ code }: { code?: string }) => {
      if (code === READ_ONLY) connection.stream.destroy();
    });
  }

  override connect(): Promise<Client>;
  override connect(callback: (error: Error) => void): void;
  override connect(callback?: (error: Error) => void): Promise<Client> | void {
    const connected = async () => {
      await this.findHost();
      return super.connect();
    };
    return callback ? callbackify(connected)(callback) : connected();
  }

  private async findHost(): Promise<void> {
    const { client } = await openClient(this.options);
    Object.assign(this, { host: client.host, port: client.port });
    await endClient(client);
  }
}
