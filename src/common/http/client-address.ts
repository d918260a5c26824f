import { isIP } from 'node:net';
import proxyAddress from '@fastify/proxy-addr';
import { Injectable } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import type { FastifyRequest } from 'fastify';
import type { Env } from '../../config/env.schema.js';

type Trust = (address: string, hop: number) => boolean;

/** Where a request came from, as far as TRUST_PROXY lets X-Forwarded-For be believed. */
@Injectable()
export class ClientAddress {
  private readonly trust: Trust;

  /** @throws Error that names TRUST_PROXY when its addresses cannot be read */
  constructor(config: ConfigService<Env, true>) {
    this.trust = trustOf(config.get('TRUST_PROXY', { infer: true }));
  }

  /** What a header calls an address and is none counts as the peer's: it is told in logs, and failures are counted by it. */
  of(request: FastifyRequest): string {
    const address = proxyAddress(request.raw, this.trust);
    return isIP(address) ? address : (request.raw.socket.remoteAddress ?? '');
  }
}

function trustOf(setting: string): Trust {
  if (setting === 'true') return () => true;
  if (setting === 'false') return () => false;
  if (/^\d+$/.test(setting)) return (_address, hop) => hop < Number(setting);
  try {
    return proxyAddress.compile(setting.split(',').map((part) => part.trim()));
  } catch (cause) {
    throw new Error('TRUST_PROXY must be true, false, a number of hops, or addresses and CIDR ranges.', { cause });
  }
}
