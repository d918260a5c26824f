/** As many are described; damage can have more places than anybody reads about. */
const MAX_DESCRIBED = 20;

/** What does not fit, in the order in which it was found. */
export class Findings {
  readonly described: string[] = [];
  count = 0;

  /** @param finding says where (table, id, group, writer, sequence) and what, in words for a person */
  add(finding: string): void {
    this.count += 1;
    if (this.described.length < MAX_DESCRIBED) this.described.push(finding);
  }
}
