import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import path from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { testDatabases } from '../../test/support/database.js';
import { eventually } from '../../test/support/eventually.js';
import { TcpProxy } from '../../test/support/tcp-proxy.js';
import { temporaryDirectories } from '../../test/support/temporary-directory.js';
import { testConfig } from '../../test/support/test-config.js';
import { clientOptions, CONNECT_TIMEOUT_MS } from './client-options.js';
import { createDataSource } from './data-source.js';
import { endClient, openClient, ReadOnlyHostError } from './open-client.js';

const READ_ONLY = `DO $$ BEGIN
  EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$`;

const optionsOf = (url: string) => clientOptions(testConfig({ DATABASE_URL: url }));

const open = async (url: string) => {
  const { client, isPooled } = await openClient(optionsOf(url));
  const { port } = client;
  await endClient(client);
  return { port, isPooled };
};

describe('openClient', () => {
  const openDatabase = testDatabases();
  const newDirectory = temporaryDirectories();
  const proxies: TcpProxy[] = [];
  afterEach(async () => {
    for (const proxy of proxies.splice(0)) await proxy.close();
  });

  /** A database with two ways to it, both in one URL. */
  async function twoHosts() {
    const database = await openDatabase();
    const [first, second] = [await TcpProxy.start(database.url), await TcpProxy.start(database.url)];
    proxies.push(first, second);
    const url = database.url.replace(/@[^/]+/, `@${new URL(first.url).host},${new URL(second.url).host}`);
    return { ...database, first, second, url: `${url}?target_session_attrs=read-write` };
  }

  it.each(['refuse', 'reset', 'silent'] as const)('goes to the host that is there: the other one %s', async (kind) => {
    const { url, first, second } = await twoHosts();
    await first.setMode({ kind });
    const startedAt = performance.now();
    expect(await open(url)).toEqual({ port: Number(new URL(second.url).port), isPooled: false });
    expect(performance.now() - startedAt).toBeLessThan(CONNECT_TIMEOUT_MS);
  });

  it('leaves no connection to the others behind', async () => {
    const { url, first, second } = await twoHosts();
    const { client } = await openClient(optionsOf(url));
    await endClient(client);
    await eventually(() => expect([first.openConnections, second.openConnections]).toEqual([0, 0]));
  });

  it('passes over a host that takes no writes', async () => {
    const { url, client } = await twoHosts();
    await client.query(READ_ONLY);
    await expect(open(url)).rejects.toThrow(ReadOnlyHostError);
    await expect(open(url)).rejects.toThrow(/None of the hosts takes writes: .+ takes no writes; .+ takes no writes/);
  });

  it('says what PostgreSQL refuses rather than that another host is away', async () => {
    const { url, first } = await twoHosts();
    await first.setMode({ kind: 'refuse' });
    await expect(open(url.replace(/:[^:@]+@/, ':another@'))).rejects.toMatchObject({ code: '28P01' });
  });

  it('is how a pool connects, too', async () => {
    const { url, first, second } = await twoHosts();
    const dataSource = createDataSource(optionsOf(url), { max: 1 });
    await first.setMode({ kind: 'refuse' });
    await dataSource.initialize();
    await first.setMode({ kind: 'pass' });
    await second.setMode({ kind: 'refuse' });
    await expect(dataSource.query('SELECT 1 AS one')).rejects.toThrow(/ECONN|terminated/);
    expect(await dataSource.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await dataSource.destroy();
  });

  it('connects through a socket of the directory', async () => {
    const { url } = await openDatabase();
    const { username, password, hostname, port, pathname } = new URL(url);
    const directory = newDirectory();
    const socket = createServer((client) => {
      const server = connect(Number(port), hostname);
      client.pipe(server).pipe(client);
      for (const each of [client, server]) each.on('error', () => undefined);
    }).listen(path.join(directory, '.s.PGSQL.5432'));
    await once(socket, 'listening');
    expect(await open(`postgresql://${username}:${password}@${pathname}?host=${directory}`)).toMatchObject({
      port: 5432,
    });
    socket.close();
  });
});
