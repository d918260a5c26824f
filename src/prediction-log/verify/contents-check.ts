import type { Query } from '../../database/query.js';
import { GROUP_FORMAT, groupHmac } from '../chain/chain-writer.js';
import { idPages } from '../scan/id-pages.js';
import { type IdRange, lastIdOfMonth } from '../scan/id-range.js';
import type { ChainedTable, Place } from './chained-table.js';
import type { ErasureEvidence } from './erasure-evidence.js';
import type { Findings } from './findings.js';
import { OpenGroup } from './open-group.js';
import { SELECT_GROUPS, type StoredGroup, StoredGroups } from './stored-groups.js';

/**
 * The rows of a group are written together and lie close to each other, so few groups are open at a time. So many are open
 * only where rows were removed on a large scale: then the oldest are given up as they are.
 */
const MAX_OPEN_GROUPS = 10_000;

const MAX_MISSING_NAMED = 5;

export interface Contents {
  rows: number;
  erased: number;
  groups: number;
}

/**
 * Walks a table and its groups side by side, in the order of their ids, and holds each row against what its group says of it.
 * A group's id is the smallest of its rows', so it is met no later than they are.
 */
export class ContentsCheck {
  private readonly open = new Map<string, OpenGroup>();
  private readonly contents: Contents = { rows: 0, erased: 0, groups: 0 };

  constructor(
    private readonly query: Query,
    private readonly table: ChainedTable,
    private readonly range: IdRange,
    private readonly key: string,
    private readonly findings: Findings,
    private readonly evidence?: Pick<ErasureEvidence, 'check'>,
  ) {}

  async run(): Promise<Contents> {
    const groups = new StoredGroups(this.query, this.table.kind, this.range);
    // A group that begins in the range may have rows beyond its end.
    const rowRange = { first: this.range.first, last: lastIdOfMonth(this.range.last) };
    for await (const rows of idPages<Place>(this.query, this.table, rowRange)) {
      const lastId = rows.at(-1)!.id;
      await this.beginAll(groups.takeUntil(lastId));
      await this.beginEarlier(rows);
      const concerned = rows.filter((row) => this.concerns(row));
      for (const row of concerned) this.check(row);
      await this.evidence?.check(concerned);
      if (lastId > this.range.last && this.open.size === 0) break;
    }
    await this.beginAll(groups.takeUntil(this.range.last));
    for (const group of this.open.values()) this.end(group);
    return this.contents;
  }

  /** Whether the row is of the range, or of a group that began in it. */
  private concerns({ id, groupId }: Place): boolean {
    const { first, last } = this.range;
    return id <= last || (groupId >= first && groupId <= last);
  }

  private async beginAll(groups: AsyncIterable<StoredGroup[]>): Promise<void> {
    for await (const some of groups) for (const group of some) this.begin(group);
  }

  /** The groups that rows of the range belong to though they began before it. */
  private async beginEarlier(rows: readonly Place[]): Promise<void> {
    const ids = new Set(rows.map(({ groupId }) => groupId).filter((id) => id < this.range.first && !this.open.has(id)));
    if (ids.size === 0) return;
    const groups = await this.query<StoredGroup>(`${SELECT_GROUPS} WHERE id = ANY($1) AND kind = $2`, [
      [...ids],
      this.table.kind,
    ]);
    for (const group of groups) this.begin(group);
  }

  private begin(group: StoredGroup): void {
    if (group.format > GROUP_FORMAT) {
      this.findings.add(
        `chain_groups ${nameOf(group)}: is of format ${group.format}, which this release cannot read: verify with the newest release`,
      );
    } else if (!groupHmac(group, this.key).equals(group.hmac)) {
      this.findings.add(
        `chain_groups ${nameOf(group)}: was changed, or was not written with this PREDICTION_LOG_CHAIN_KEY`,
      );
    }
    if (group.id >= this.range.first) this.contents.groups += 1;
    this.open.set(group.id, new OpenGroup(group));
    if (this.open.size <= MAX_OPEN_GROUPS) return;
    const [oldest] = this.open.values();
    this.end(oldest!);
  }

  private check(row: Place): void {
    this.contents.rows += 1;
    if (row.erased) this.contents.erased += 1;
    const group = this.open.get(row.groupId);
    if (!group?.hasRoomAt(row.groupIndex)) {
      this.found(row, 'belongs to no group: it was not recorded by the service, or its group was changed or removed');
      return;
    }
    // One finding says it for all rows of the group.
    if (group.group.format > GROUP_FORMAT) return group.accept(row.groupIndex);
    const hash = this.hashOf(row, group.group.format);
    const isProper = typeof hash !== 'string';
    if (!group.settle(row.groupIndex, isProper ? hash : undefined)) {
      this.found(row, isProper ? 'is not what was recorded' : hash);
    }
    if (group.isComplete) this.open.delete(row.groupId);
  }

  /** Somebody who can write to the table can write what no column of ours ever holds, such as a date without a time. */
  private hashOf(row: Place, format: number): Uint8Array | string {
    try {
      return this.table.hash(row, format);
    } catch {
      return 'has a value that the service does not write';
    }
  }

  private end(open: OpenGroup): void {
    const { group } = open;
    this.open.delete(group.id);
    // Of a group that began before the range, only the rows in it were read.
    if (group.id < this.range.first) return;
    const missing = open.missing();
    if (missing.length === 0) return;
    const more = missing.length > MAX_MISSING_NAMED ? ` and ${missing.length - MAX_MISSING_NAMED} more` : '';
    this.findings.add(
      `${this.table.name}: of group ${nameOf(group)}, row ${missing.slice(0, MAX_MISSING_NAMED).join(', ')}${more} is missing`,
    );
  }

  private found({ id, groupId, groupIndex }: Place, what: string): void {
    const group = this.open.get(groupId)?.group;
    const where = group ? nameOf(group) : groupId;
    this.findings.add(`${this.table.name} ${id} (row ${groupIndex} of group ${where}): ${what}`);
  }
}

const nameOf = ({ id, writer, sequence }: StoredGroup): string => `${id} (writer ${writer}, sequence ${sequence})`;
