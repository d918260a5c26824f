import { describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { parseDatabaseUrl } from './database-url.js';

/** What pg makes of each host. */
const clientsOf = (url: string) =>
  parseDatabaseUrl(url).hosts.map((host) => {
    const { host: name, port, user, password, database } = new Client({ connectionString: host });
    return { host: name, port, user, password, database };
  });

const ONE = { host: 'db', port: 5432, user: 'scoring', password: 's3cret', database: 'log' };

describe('parseDatabaseUrl', () => {
  it.each([
    ['postgresql://scoring:s3cret@db/log', [ONE]],
    ['postgres://scoring:s3cret@db:5433/log', [{ ...ONE, port: 5433 }]],
    ['postgresql://scoring:s3cret@[::1]:5433/log', [{ ...ONE, host: '::1', port: 5433 }]],
    [
      'postgresql://scoring:s3cret@a:5432,b:5433,c/log?target_session_attrs=read-write',
      [
        { ...ONE, host: 'a' },
        { ...ONE, host: 'b', port: 5433 },
        { ...ONE, host: 'c' },
      ],
    ],
    [
      'postgresql://scoring:s3cret@/log?host=a,b&port=6000',
      [
        { ...ONE, host: 'a', port: 6000 },
        { ...ONE, host: 'b', port: 6000 },
      ],
    ],
    ['postgresql://scoring:s3cret@/log?host=/var/run/postgresql', [{ ...ONE, host: '/var/run/postgresql' }]],
    ['postgresql:///log?host=/run/pg&user=scoring&password=s3cret', [{ ...ONE, host: '/run/pg' }]],
    ['postgresql://scoring:s3cret@%2Frun%2Fpg/log', [{ ...ONE, host: '/run/pg' }]],
    ['postgresql://scoring:%23%2F%3F%40%25@db/log', [{ ...ONE, password: '#/?@%' }]],
    ['postgresql://scoring:p@ss:word@db/log', [{ ...ONE, password: 'p@ss:word' }]],
    ['postgresql://db/log?user=me@corp&password=s3cret', [{ ...ONE, user: 'me@corp' }]],
  ])('reads %s', (url, clients) => {
    expect(clientsOf(url)).toEqual(clients);
  });

  it.each([
    ['postgresql://db/log', false],
    ['postgresql://db/log?target_session_attrs=any', false],
    ['postgresql://db/log?target_session_attrs=read-write', true],
    ['postgresql://db/log?target_session_attrs=primary', true],
    ['postgresql://a,b/log', true],
  ])('says whether hosts without writes are passed over: %s', (url, mustTakeWrites) => {
    expect(parseDatabaseUrl(url).mustTakeWrites).toBe(mustTakeWrites);
  });

  it('asks for no TLS through a socket', () => {
    const [host] = parseDatabaseUrl('postgresql:///log?host=/run/pg&sslmode=verify-full').hosts;
    expect(new Client({ connectionString: `${host}&uselibpqcompat=true` })).toMatchObject({ ssl: false });
  });

  it.each(['s3#cret', 's3/cret', 's3?cret', '1#2', '1/2', '1?2', '1?a@b', 's3%cret', '#', '?', '/'])(
    'asks for percent-encoding, and tells nothing, of the password %s',
    (password) => {
      const url = `postgresql://scoring:${password}@db:5432/log`;
      expect(() => parseDatabaseUrl(url)).toThrow(/percent-encode these characters in user and password: # \(%23\)/);
      expect(() => parseDatabaseUrl(url)).not.toThrow(/s3|cret|scoring|db:5432/);
    },
  );

  it.each([
    ['mysql://db/log', /^must be a postgresql:\/\/ URL$/],
    ['postgresql://db/log?sslmode=prefer', /sslmode disable, require, verify-ca or verify-full/],
    ['postgresql://a,b/log?target_session_attrs=standby', /target_session_attrs read-write or primary/],
    ['postgresql://a,b,c/log?port=1,2', /one port, or as many as hosts/],
    ['postgresql://db:port/log', /percent-encode/],
    ['postgresql://db:99999/log', /^must name ports from 1 to 65535$/],
    ['postgresql://a:5432,b:0/log', /^must name ports from 1 to 65535$/],
    ['postgresql://a,,b/log', /^must name a host between commas$/],
    ['postgresql://a,/log', /^must name a host between commas$/],
  ])('refuses %s', (url, message) => {
    expect(() => parseDatabaseUrl(url)).toThrow(message);
  });
});
