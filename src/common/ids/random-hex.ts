import { randomFillSync } from 'node:crypto';

const POOL_BYTES = 4096;

/** Random hexadecimal digits, drawn from the system for many takers at once: the call costs more than the bytes. */
export class RandomHex {
  private readonly pool = Buffer.alloc(POOL_BYTES);
  private digits = '';
  private taken = 0;

  /** @returns so many digits that nobody else is given */
  take(count: number): string {
    if (this.taken + count > this.digits.length) {
      this.digits = randomFillSync(this.pool).toString('hex');
      this.taken = 0;
    }
    return this.digits.slice(this.taken, (this.taken += count));
  }
}
