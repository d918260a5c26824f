import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { Injectable } from '@nestjs/common';

/**
 * libuv accepts one connection a turn of the event loop and listener. Under load a turn takes milliseconds, and a thousand
 * clients that connect anew, or a probe behind them, would wait for seconds before the service knows of them.
 */
const LISTENERS = 16;

interface Address {
  host: string;
  port: number;
  /** Whether others of this process may listen there too. */
  reusePort?: boolean;
}

/** As http.Server makes its own connections. */
const CONNECTION_OPTIONS = { allowHalfOpen: true, noDelay: true };

/**
 * The service's port: several listeners share it where the system spreads connections over them (SO_REUSEPORT on Linux),
 * one elsewhere. All connections become those of the one HTTP server.
 */
@Injectable()
export class Listeners {
  private others: Server[] = [];

  /**
   * @param listen makes the HTTP server listen
   * @throws Error EADDRINUSE when anybody has the port, another instance of the service included
   */
  async open(server: Server, listen: (address: Address) => Promise<unknown>, address: Address): Promise<void> {
    if (process.platform !== 'linux') {
      await listen(address);
      return;
    }
    await refuseTaken(address);
    await listen({ ...address, reusePort: true });
    const { port } = server.address() as AddressInfo;
    this.others = await Promise.all(
      Array.from({ length: LISTENERS - 1 }, async () => {
        const other = createServer(CONNECTION_OPTIONS, (socket) => server.emit('connection', socket));
        await listening(other, { ...address, port, reusePort: true });
        return other;
      }),
    );
  }

  /** Takes no more connections. @returns when those that came this way have ended */
  async close(): Promise<void> {
    await Promise.all(
      this.others.map((other) => {
        const closed = once(other, 'close');
        other.close();
        return closed;
      }),
    );
  }
}

/** Who shares a port does not see that another one already does, so this asks for it alone first. */
async function refuseTaken(address: Address): Promise<void> {
  const alone = createServer();
  await listening(alone, address);
  alone.close();
  await once(alone, 'close');
}

async function listening(server: Server, address: Address): Promise<void> {
  server.listen(address);
  await once(server, 'listening');
}
