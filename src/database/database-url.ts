/** Where PostgreSQL is. */
export interface DatabaseUrl {
  /** A URL of one host for each, in the form that `pg` understands. */
  hosts: readonly string[];
  /** Whether a host that takes no writes is passed over. */
  mustTakeWrites: boolean;
}

/** User and password may hold an @ themselves: the last one counts. */
const FORM = /^postgres(?:ql)?:\/\/(?:([^/?#]*)@)?([^/?#@]*)(?:\/([^?#@]*))?(?:\?([^#]*))?$/;
const MAX_PORT = 65_535;

const NOT_READABLE =
  'cannot be read as postgresql://user:password@host:port/database: percent-encode these characters in user and ' +
  'password: # (%23), / (%2F), ? (%3F), @ (%40) and % (%25)';

/** libpq's `allow` and `prefer` would go on without TLS where it fails. */
const SSL_MODES = new Set<string | null>([null, 'disable', 'require', 'verify-ca', 'verify-full']);
/** The service writes. `any` is what libpq does without one. */
const SESSION_ATTRIBUTES = new Set<string | null>([null, 'any', 'primary', 'read-write']);

/**
 * Reads a URL as libpq does, several hosts and directories of sockets included.
 *
 * @throws Error that says what is wrong with it, and repeats nothing of it
 */
export function parseDatabaseUrl(text: string): DatabaseUrl {
  if (!/^postgres(ql)?:\/\//.test(text)) throw new Error('must be a postgresql:// URL');
  const [, userInfo = '', authority = '', database = '', query = ''] = FORM.exec(text) ?? unreadable();
  if (query.split('&').some((part) => part.includes('@') && !/^[a-z_]+=/.test(part))) unreadable();
  const parameters = new URLSearchParams(query);
  const attributes = parameters.get('target_session_attrs');
  if (!SSL_MODES.has(parameters.get('sslmode'))) {
    throw new Error('must have sslmode disable, require, verify-ca or verify-full, or none');
  }
  if (!SESSION_ATTRIBUTES.has(attributes)) {
    throw new Error('must have target_session_attrs read-write or primary, or none: the service writes');
  }
  const base = `postgresql://${credentials(userInfo)}localhost/${encodeURIComponent(decode(database))}`;
  const hosts = hostsOf(authority, parameters).map(({ host, port }) => hostUrl(base, parameters, host, port));
  return { hosts, mustTakeWrites: hosts.length > 1 || attributes === 'read-write' || attributes === 'primary' };
}

function credentials(userInfo: string): string {
  if (userInfo === '') return '';
  const colon = userInfo.indexOf(':');
  const parts = colon === -1 ? [userInfo] : [userInfo.slice(0, colon), userInfo.slice(colon + 1)];
  return `${parts.map((part) => encodeURIComponent(decode(part))).join(':')}@`;
}

interface Host {
  host: string;
  port: string;
}

/** Parameters stand above what is before the path, as in libpq. */
function hostsOf(authority: string, parameters: URLSearchParams): Host[] {
  const named = authority.split(',').map(hostOf);
  const hosts = parameters.get('host')?.split(',') ?? named.map(({ host }) => host);
  const ports = parameters.get('port')?.split(',') ?? named.map(({ port }) => port);
  // What begins with digits was meant for a port; anything else is the rest of a password.
  if (!ports.every((port) => /^(\d.*)?$/.test(port))) unreadable();
  if (!ports.every(isPort)) throw new Error('must name ports from 1 to 65535');
  if (ports.length > 1 && ports.length !== hosts.length) throw new Error('must name one port, or as many as hosts');
  if (hosts.length > 1 && hosts.includes('')) throw new Error('must name a host between commas');
  return hosts.map((host, i) => ({ host, port: (ports.length > 1 ? ports[i] : ports[0])! }));
}

const isPort = (text: string): boolean =>
  text === '' || (/^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= MAX_PORT);

function hostOf(text: string): Host {
  const [, host = '', port = ''] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(text) ?? unreadable();
  return { host: decode(host).replace(/^\[(.*)\]$/, '$1'), port };
}

function hostUrl(base: string, parameters: URLSearchParams, host: string, port: string): string {
  const url = new URL(base);
  for (const [name, value] of parameters) url.searchParams.set(name, value);
  url.searchParams.delete('target_session_attrs');
  url.searchParams.set('host', host || 'localhost');
  url.searchParams.delete('port');
  if (port !== '') url.searchParams.set('port', port);
  // There is no TLS through a socket of this machine, and libpq does not ask for it.
  if (host.startsWith('/')) url.searchParams.set('sslmode', 'disable');
  return url.href;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return unreadable();
  }
}

function unreadable(): never {
  throw new Error(NOT_READABLE);
}
