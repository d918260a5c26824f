import type { Query } from '../../database/query.js';
import type { ChainGroup, ChainKind } from '../chain/chain-writer.js';
import { idPages } from '../scan/id-pages.js';
import type { IdRange } from '../scan/id-range.js';

/** A group as it is read. */
export interface StoredGroup extends ChainGroup {
  rowHashes: Buffer;
  hmac: Buffer;
}

export const SELECT_GROUPS = `
  SELECT id, format, kind, writer, sequence::float8 AS sequence, previous_hash AS "previousHash", row_count AS "rowCount",
    row_hashes AS "rowHashes", hmac
  FROM chain_groups`;

/** A group holds a hash for each of its rows, up to some 16 KiB in all. */
const PAGE_GROUPS = 1000;

/** The groups of a kind in the order of their ids, to be taken as far as somebody else's walk has come. */
export class StoredGroups {
  private readonly pages: AsyncGenerator<StoredGroup[], void>;
  private rest: StoredGroup[] = [];

  constructor(query: Query, kind: ChainKind, range: IdRange) {
    const scan = { select: SELECT_GROUPS, condition: 'kind = $4', parameters: [kind], pageRows: PAGE_GROUPS };
    this.pages = idPages(query, scan, range);
  }

  /** Those up to and with `id` that were not taken before. */
  async *takeUntil(id: string): AsyncGenerator<StoredGroup[], void> {
    for (;;) {
      const later = this.rest.findIndex((group) => group.id > id);
      if (later !== -1) {
        yield this.rest.splice(0, later);
        return;
      }
      yield this.rest;
      const page = await this.pages.next();
      this.rest = page.done ? [] : page.value;
      if (page.done) return;
    }
  }
}
