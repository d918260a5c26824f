import type { Query } from '../../database/query.js';
import type { ChainKind } from '../chain/chain-writer.js';
import { HASH_BYTES } from '../chain/row-hash.js';
import type { IdRange } from '../scan/id-range.js';
import type { DroppedChains } from './dropped-chains.js';
import type { Findings } from './findings.js';

const PAGE_LINKS = 5000;

/** A group as a link of its writer's chain. */
interface Link {
  id: string;
  kind: string;
  writer: string;
  sequence: number;
  previousHash: Buffer;
  hmac: Buffer;
}

const SELECT_LINKS = `
  SELECT id, kind, writer, sequence::float8 AS sequence, previous_hash AS "previousHash", hmac
  FROM chain_groups`;

/** By the columns: the sequence that is selected is another number, which no index has. */
const DECLARE_LINKS = `
  DECLARE links NO SCROLL CURSOR FOR ${SELECT_LINKS} AS g WHERE id >= $1 AND id <= $2
  ORDER BY g.writer, g.sequence, g.id`;
const NEXT_LINKS = `FETCH ${PAGE_LINKS} FROM links`;

const CHAIN_KINDS: ReadonlySet<string> = new Set<ChainKind>(['prediction', 'outcome', 'erasure']);
const NO_HASH = Buffer.alloc(HASH_BYTES);

export interface Order {
  writers: number;
  /** Groups whose predecessor lies outside the range that was checked. */
  outsideRange: number;
  /** Groups whose predecessor was dropped when its retention ended, by a signed checkpoint. */
  dropped: number;
}

/** Walks the chain of each writer: every group follows the one before it, and none is missing between two. */
export class OrderCheck {
  private readonly order: Order = { writers: 0, outsideRange: 0, dropped: 0 };

  constructor(
    private readonly query: Query,
    private readonly range: IdRange,
    private readonly droppedChains: DroppedChains,
    private readonly findings: Findings,
  ) {}

  async run(): Promise<Order> {
    let before: Link | undefined;
    for await (const links of this.pages()) {
      for (const link of links) {
        await this.check(link, before?.writer === link.writer ? before : undefined);
        before = link;
      }
    }
    return this.order;
  }

  private async *pages(): AsyncGenerator<Link[]> {
    // Sorted once: a query for each page would sort all that follows it, each time.
    await this.query(DECLARE_LINKS, [this.range.first, this.range.last]);
    for (;;) {
      const page = await this.query<Link>(NEXT_LINKS);
      if (page.length === 0) break;
      yield page;
    }
    await this.query('CLOSE links');
  }

  private async check(link: Link, before: Link | undefined): Promise<void> {
    if (!before) this.order.writers += 1;
    if (!CHAIN_KINDS.has(link.kind)) this.found(link, `has the kind ${link.kind}, which the service does not write`);
    if (before?.sequence === link.sequence) return this.found(link, `takes the place of group ${before.id}`);
    const previousHash = before?.sequence === link.sequence - 1 ? before.hmac : await this.hashBefore(link);
    if (!previousHash) this.found(link, `the group before it, sequence ${link.sequence - 1}, is missing`);
    else if (!previousHash.equals(link.previousHash)) this.found(link, 'does not follow the group before it');
  }

  /** What a group whose predecessor is not in the range must follow. */
  private async hashBefore({ writer, sequence, previousHash }: Link): Promise<Buffer | undefined> {
    if (sequence === 0) return NO_HASH;
    const [outside] = await this.query<Link>(`${SELECT_LINKS} WHERE writer = $1 AND sequence = $2`, [
      writer,
      sequence - 1,
    ]);
    if (outside) {
      this.order.outsideRange += 1;
      return outside.hmac;
    }
    const before = { writer, sequence: sequence - 1, hash: previousHash.toString('hex') };
    if (!this.droppedChains.endWith(before)) return undefined;
    this.order.dropped += 1;
    return previousHash;
  }

  private found({ id, writer, sequence }: Link, what: string): void {
    this.findings.add(`chain_groups ${id} (writer ${writer}, sequence ${sequence}): ${what}`);
  }
}
