import { describe, expect, it } from '@jest/globals';
import { type ChainGroup, ChainWriter, GROUP_FORMAT, groupHmac } from './chain-writer.js';

const KEY = 'k'.repeat(32);
const LEAST = '01a20a9e-03d4-72c3-bae8-c89e001632b9';
const NEXT = '01a20a9e-03d4-72c3-bae8-c89e001632ba';

const ids = [NEXT, LEAST];
const hashes = Buffer.concat([Buffer.alloc(32, 1), Buffer.alloc(32, 2)]);

const group: Omit<ChainGroup, 'hmac'> = {
  format: 1,
  id: LEAST,
  kind: 'prediction',
  writer: '11111111-2222-3333-4444-555555555555',
  sequence: 0,
  previousHash: new Uint8Array(32),
  rowCount: 2,
  rowHashes: hashes,
};

describe('groupHmac', () => {
  it('is what its definition says, computed by another program', () => {
    expect(groupHmac(group, KEY).toString('hex')).toBe(
      '8d5781c161b65d4a12323ba9018ce88368d9edc55e86c3b26a5f38966372518e',
    );
  });

  it('covers the format, so that no group can be passed off as one of another format', () => {
    const hmacs = [1, 2, 3].map((format) => groupHmac({ ...group, format }, KEY).toString('hex'));
    expect(new Set(hmacs).size).toBe(3);
  });

  it.each<[string, Partial<ChainGroup>]>([
    ['id', { id: NEXT }],
    ['kind', { kind: 'outcome' }],
    ['writer', { writer: LEAST }],
    ['sequence', { sequence: 1 }],
    ['previous hash', { previousHash: new Uint8Array(32).fill(9) }],
    ['row count', { rowCount: 1 }],
    ['row hashes', { rowHashes: Buffer.concat([Buffer.alloc(32, 2), Buffer.alloc(32, 1)]) }],
  ])('covers the %s', (_what, change) => {
    expect(groupHmac({ ...group, ...change }, KEY)).not.toEqual(groupHmac(group, KEY));
  });

  it('cannot be had without the key', () => {
    expect(groupHmac(group, `${KEY}!`)).not.toEqual(groupHmac(group, KEY));
  });
});

describe('ChainWriter', () => {
  it('names a group by the least id of its rows and keeps their hashes in their order', () => {
    expect(new ChainWriter(KEY).link('prediction', ids, hashes)).toMatchObject({
      format: GROUP_FORMAT,
      id: LEAST,
      sequence: 0,
      previousHash: new Uint8Array(32),
      rowCount: 2,
      rowHashes: hashes,
    });
  });

  it('links each group to the one that was committed before', () => {
    const writer = new ChainWriter(KEY);
    const first = writer.link('prediction', ids, hashes);
    writer.committed(first);
    expect(writer.link('outcome', ids, hashes)).toMatchObject({
      writer: first.writer,
      sequence: 1,
      previousHash: first.hmac,
    });
  });

  it('gives the place of a group that was given up to the next one', () => {
    const writer = new ChainWriter(KEY);
    writer.link('prediction', ids, hashes);
    expect(writer.link('prediction', [NEXT], new Uint8Array(32))).toMatchObject({
      sequence: 0,
      previousHash: new Uint8Array(32),
    });
  });

  it('links the groups of one transaction to each other, all or none of which become part of the chain', () => {
    const writer = new ChainWriter(KEY);
    const first = writer.link('prediction', ids, hashes);
    const second = writer.link('prediction', [NEXT], new Uint8Array(32), first);
    expect(second).toMatchObject({ sequence: 1, previousHash: first.hmac });
    expect(writer.head).toBeUndefined();
    writer.committed(second);
    expect(writer.link('prediction', ids, hashes)).toMatchObject({ sequence: 2, previousHash: second.hmac });
  });

  it('tells its newest group, and none before the first', () => {
    const writer = new ChainWriter(KEY);
    expect(writer.head).toBeUndefined();
    const only = writer.link('prediction', ids, hashes);
    writer.committed(only);
    expect(writer.head).toEqual({ writer: writer.id, sequence: 0, hash: Buffer.from(only.hmac).toString('hex') });
  });

  it('is not confused with another one', () => {
    expect(new ChainWriter(KEY).id).not.toBe(new ChainWriter(KEY).id);
  });
});
