import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { ProcessLock } from '../../common/process-lock.js';
import { makeDirectory } from './durable-files.js';
import { segmentNames, SpoolSlot } from './spool-slot.js';

/** A look opens the slot's lock, on the event loop; what a process left may wait so long for an heir. */
const LOOK_AGAIN_AFTER_MS = 30_000;

/**
 * The spool's directory: numbered slots `0/`, `1/`, … of which a process takes the first that is free. So a restart finds
 * what the process before it left, and replicas may share the directory.
 */
export class SpoolDirectory {
  private readonly root: string;
  private readonly slots = new Map<string, SpoolSlot>();
  /** When the slots that others use are worth another look, by `performance.now()`. */
  private readonly lookAgainAt = new Map<string, number>();

  constructor(root: string) {
    this.root = path.resolve(root);
  }

  /**
   * Takes a slot to write to.
   *
   * @throws Error that names PREDICTION_LOG_SPOOL_DIR when it cannot be written to, or nothing in it can be locked
   */
  async takeSlot(): Promise<SpoolSlot> {
    let slot: SpoolSlot | undefined;
    try {
      await makeDirectory(this.root);
      // Where nothing can be locked, every slot seems to be taken.
      if (ProcessLock.isPossibleIn(this.root)) slot = await this.firstFreeSlot();
    } catch (cause) {
      throw new Error(`PREDICTION_LOG_SPOOL_DIR ${this.root} is not a writable directory: name one that is.`, {
        cause,
      });
    }
    if (slot) return slot;
    throw new Error(`PREDICTION_LOG_SPOOL_DIR ${this.root} has no file locks: name a directory on a local disk.`);
  }

  /**
   * Takes the slots in which dead processes left segments and no other process has started since. A slot that was in use is
   * looked at again after {@link LOOK_AGAIN_AFTER_MS}.
   */
  async takeAbandonedSlots(): Promise<SpoolSlot[]> {
    const taken: SpoolSlot[] = [];
    for (const name of await readdir(this.root)) {
      if (!/^\d+$/.test(name) || this.slots.has(name)) continue;
      if (performance.now() < (this.lookAgainAt.get(name) ?? -Infinity)) continue;
      if ((await segmentNames(path.join(this.root, name))).length === 0) continue;
      const slot = await this.take(name);
      if (slot) {
        taken.push(slot);
        this.lookAgainAt.delete(name);
      } else {
        this.lookAgainAt.set(name, performance.now() + LOOK_AGAIN_AFTER_MS);
      }
    }
    return taken;
  }

  release(slot: SpoolSlot): void {
    this.slots.delete(path.basename(slot.directory));
    slot.release();
  }

  releaseAll(): void {
    for (const slot of this.slots.values()) this.release(slot);
  }

  private async firstFreeSlot(): Promise<SpoolSlot> {
    for (let number = 0; ; number++) {
      const slot = await this.take(String(number));
      if (slot) return slot;
    }
  }

  private async take(name: string): Promise<SpoolSlot | undefined> {
    const slot = await SpoolSlot.take(path.join(this.root, name));
    if (slot) this.slots.set(name, slot);
    return slot;
  }
}
