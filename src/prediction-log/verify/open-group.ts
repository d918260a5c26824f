import { HASH_BYTES } from '../chain/row-hash.js';
import type { StoredGroup } from './stored-groups.js';

const UNSEEN = 0;
const FITS = 1;
const DIFFERS = 2;

/** A group not all of whose rows have been seen yet. */
export class OpenGroup {
  private readonly places: Uint8Array;
  private unsettled: number;

  constructor(readonly group: StoredGroup) {
    // Not from rowCount: a group that was tampered with may say anything.
    this.unsettled = Math.floor(group.rowHashes.byteLength / HASH_BYTES);
    this.places = new Uint8Array(this.unsettled);
  }

  /** Whether every place has the row that was recorded there. */
  get isComplete(): boolean {
    return this.unsettled === 0;
  }

  /** Whether a row can still be the one that belongs there. A stranger that was seen first does not take the place. */
  hasRoomAt(index: number): boolean {
    return this.places[index] === UNSEEN || this.places[index] === DIFFERS;
  }

  /**
   * @param hash undefined for a row that cannot have been recorded like this
   * @returns whether it is the row that was recorded at this place
   */
  settle(index: number, hash: Uint8Array | undefined): boolean {
    const fits = hash !== undefined && this.hashAt(index).equals(hash);
    this.places[index] = fits ? FITS : DIFFERS;
    if (fits) this.unsettled -= 1;
    return fits;
  }

  /** Takes the row at this place for the right one. */
  accept(index: number): void {
    this.places[index] = FITS;
    this.unsettled -= 1;
  }

  /** Places for which no row has been seen, not even one that differs. */
  missing(): number[] {
    return [...this.places.entries()].filter(([, place]) => place === UNSEEN).map(([index]) => index);
  }

  private hashAt(index: number): Buffer {
    return this.group.rowHashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
  }
}
