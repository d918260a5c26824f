const MAX_IDS = 1000;

/** The last ids that were seen, to know a repeated delivery. */
export class RecentIds {
  private readonly ids = new Set<string>();

  /** @returns whether the id is new */
  add(id: string): boolean {
    if (this.ids.has(id)) return false;
    this.ids.add(id);
    if (this.ids.size > MAX_IDS) {
      const [oldest] = this.ids;
      if (oldest !== undefined) this.ids.delete(oldest);
    }
    return true;
  }
}
