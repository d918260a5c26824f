import type { EvidenceFound } from './erasure-evidence.js';
import type { Verification } from './verify-log.js';

/** What was checked and what was found, in lines for a person. */
export function reportOf({ findings, contents, evidence, isWhole, order, heads, detached }: Verification): string {
  const lines = Object.entries(contents).map(
    ([table, { rows, erased, groups }]) => `${table}: ${rows} rows (${erased} erased) in ${groups} groups`,
  );
  lines.push(...linesOfErasures(evidence, isWhole), `chains: ${order.writers}`);
  if (order.outsideRange > 0) {
    lines.push(`groups that follow one outside the range, which was not checked itself: ${order.outsideRange}`);
  }
  if (order.dropped > 0) {
    lines.push(`groups that follow one that was dropped at the end of its retention: ${order.dropped}`);
  }
  if (detached.length > 0) {
    lines.push(`tables of months that are being dropped, which were checked as well: ${detached.join(', ')}`);
  }
  lines.push(
    heads > 0
      ? `heads of chains that were looked for: ${heads}`
      : 'Not seen without --heads: whether the newest groups of a chain, or all of a chain, were removed.',
  );
  lines.push(...findings.described.map((finding) => `DOES NOT FIT  ${finding}`));
  const more = findings.count - findings.described.length;
  if (more > 0) lines.push(`… and ${more} more`);
  lines.push(findings.count === 0 ? 'All of it fits.' : 'The log is not what was recorded.');
  return lines.join('\n');
}

/** What shows that erased rows were erased by the service. */
function linesOfErasures({ named, unproven, absent, baselineAt }: EvidenceFound, isWhole: boolean): string[] {
  const lines: string[] = [];
  if (named > 0) lines.push(`erased rows that an erasure names: ${named}`);
  if (unproven > 0) {
    lines.push(
      `erased rows without evidence: ${unproven}. They are of a time when erasures named no rows. Once no instance of ` +
        'that release is left, chain them: npm run log:maintain -- --erasure-baseline',
    );
  }
  if (baselineAt) {
    lines.push(`rows that were erased before erasures named them were chained on ${baselineAt.toISOString()}`);
  }
  if (absent > 0 && isWhole) lines.push(`rows that erasures name and that are not in the log any more: ${absent}`);
  if (absent > 0 && !isWhole) lines.push('Not seen in a range: whether all rows that erasures name are there.');
  return lines;
}
