import type { Query } from '../../database/query.js';
import { ERASED_COUNT, type SignedCheckpoint } from '../chain/checkpoint.js';
import { erasureToken, TOKEN_BYTES } from '../chain/erasure-tokens.js';
import type { ErasureKind } from '../chain/row-hash.js';
import { timeOfId } from '../id-time.js';
import { idPages } from '../scan/id-pages.js';
import { idRange } from '../scan/id-range.js';
import type { Findings } from './findings.js';

/** Each has up to 320 kB of tokens. */
const PAGE_ERASURES = 100;

interface StoredErasure {
  id: string;
  kind: ErasureKind;
  rowCount: number;
  tokens: Buffer;
}

/** What must be known of a prediction to hold it against the erasures. */
interface ErasableRow {
  id: string;
  groupId: string;
  erased: boolean;
}

export interface EvidenceFound {
  /** Erased rows that an erasure names. */
  named: number;
  /** Erased rows that none names, of the time when a release wrote here that named none. No findings until there is a baseline. */
  unproven: number;
  /** Rows that erasures name and that were not met: dropped at the end of their retention, or outside the range. */
  absent: number;
  /** When the rows that older releases had erased were chained. */
  baselineAt: Date | undefined;
}

/**
 * Holds erased rows against the erasures, of whenever these are: a hash cannot say who erased. A token names its row by itself,
 * so that nobody without the key can add one; who removes one leaves an erased row that nobody names.
 *
 * The tokens of all erasures are in memory, some 100 bytes each.
 */
export class ErasureEvidence {
  readonly found: EvidenceFound = { named: 0, unproven: 0, absent: 0, baselineAt: undefined };
  /** Of rows that have not been met. */
  private readonly tokens = new Set<string>();
  private newestUnnamedGroup: Promise<string> | undefined;

  private constructor(
    private readonly query: Query,
    private readonly key: string,
    private readonly findings: Findings,
  ) {}

  /** @param key PREDICTION_LOG_CHAIN_KEY */
  static async read(query: Query, key: string, findings: Findings): Promise<ErasureEvidence> {
    const evidence = new ErasureEvidence(query, key, findings);
    const scan = {
      select: 'SELECT id, kind, row_count AS "rowCount", tokens FROM prediction_erasures',
      condition: 'tokens IS NOT NULL',
      pageRows: PAGE_ERASURES,
    };
    for await (const erasures of idPages<StoredErasure>(query, scan, idRange())) {
      for (const erasure of erasures) evidence.add(erasure);
    }
    return evidence;
  }

  /** Each row is to be checked once. */
  async check(rows: readonly ErasableRow[]): Promise<void> {
    for (const row of rows) {
      const isNamed = this.takeToken(row.id);
      if (isNamed && row.erased) this.found.named += 1;
      else if (isNamed) this.findings.add(`predictions ${row.id}: an erasure names it, and its data are there`);
      else if (row.erased) await this.checkUnnamed(row);
    }
    this.found.absent = this.tokens.size;
  }

  /**
   * Whether those that are absent are no more than what was dropped. To be called once all rows of the log were checked.
   *
   * @param checkpoints of what was dropped, signed with the key
   */
  checkAbsent(checkpoints: readonly SignedCheckpoint[]): void {
    const dropped = checkpoints
      .filter(({ isDropped }) => isDropped)
      .reduce((sum, { rowCounts }) => sum + (rowCounts[ERASED_COUNT] ?? rowCounts['predictions'] ?? 0), 0);
    const { absent } = this.found;
    if (absent <= dropped) return;
    this.findings.add(
      `prediction_erasures: ${absent} rows that erasures name are not there, and no more than ${dropped} were dropped at the end of their retention`,
    );
  }

  /** @returns whether an erasure names the row, the first time that it is asked */
  takeToken(id: string): boolean {
    return this.tokens.size > 0 && this.tokens.delete(erasureToken(id, this.key).toString('latin1'));
  }

  private add({ id, kind, rowCount, tokens }: StoredErasure): void {
    const found = (what: string) => this.findings.add(`prediction_erasures ${id}: ${what}`);
    if (kind === 'baseline') this.found.baselineAt ??= new Date(timeOfId(id));
    if (tokens.byteLength !== rowCount * TOKEN_BYTES) found('names another number of rows than it says it took');
    for (let at = 0; at < tokens.byteLength; at += TOKEN_BYTES) {
      const token = tokens.toString('latin1', at, at + TOKEN_BYTES);
      if (this.tokens.has(token)) found('names a row that an erasure names already');
      this.tokens.add(token);
    }
    this.found.absent = this.tokens.size;
  }

  private async checkUnnamed({ id, groupId }: ErasableRow): Promise<void> {
    if (!this.found.baselineAt) {
      const newest = await (this.newestUnnamedGroup ??= this.readNewestUnnamedGroup());
      if (groupId <= newest || id <= newest) {
        this.found.unproven += 1;
        return;
      }
    }
    this.findings.add(`predictions ${id}: is erased, and no erasure names it: somebody erased it past the service`);
  }

  /** The newest group of a release whose erasures named no rows: rows from before could have been erased by it. */
  private async readNewestUnnamedGroup(): Promise<string> {
    const [group] = await this.query<{ id: string }>(
      'SELECT id FROM chain_groups WHERE format = 1 ORDER BY id DESC LIMIT 1',
    );
    return group?.id ?? '';
  }
}
