import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { ConfigService } from '@nestjs/config';
import type { Env } from '../../config/env.schema.js';
import { newId } from '../../common/ids/new-id.js';
import { ChainHeads } from './chain-heads.js';
import type { ChainWriter } from './chain-writer.js';
import { HASH_BYTES } from './row-hash.js';

const config = { get: () => 'k'.repeat(32) } as unknown as ConfigService<Env, true>;

const commit = (writer: ChainWriter) =>
  writer.committed(writer.link('prediction', [newId()], new Uint8Array(HASH_BYTES)));

let heads: ChainHeads;
let told: unknown[];
beforeEach(() => {
  heads = new ChainHeads(config);
  told = [];
  jest.spyOn(Logger.prototype, 'log').mockImplementation((_message, head: unknown) => void told.push(head));
});
afterEach(() => {
  jest.restoreAllMocks();
});

describe('ChainHeads', () => {
  it('tells of each newest group once', () => {
    const writer = heads.newWriter();
    heads.announce();
    commit(writer);
    const { head } = writer;
    heads.announce();
    heads.announce();
    commit(writer);
    heads.announce();
    expect(told).toEqual([head, writer.head]);
  });

  it('tells of the newest group of a chain that ends, and then forgets the chain', () => {
    const writer = heads.newWriter();
    commit(writer);
    const { head } = writer;
    heads.end(writer);
    commit(writer);
    heads.announce();
    expect(told).toEqual([head]);
  });

  it('tells nothing more when a chain ends whose newest group was told', () => {
    const writer = heads.newWriter();
    commit(writer);
    heads.announce();
    heads.end(writer);
    expect(told).toEqual([writer.head]);
  });
});
