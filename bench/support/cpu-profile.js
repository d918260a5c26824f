/**
 * Reads what `node --cpu-prof` writes.
 *
 * @typedef {object} Frame
 * @property {string} name function and place
 * @property {number} selfUs
 * @property {number} totalUs with all that it called
 * @property {Map<string, Frame>} callees
 */
import { fileURLToPath } from 'node:url';

/**
 * The samples between two times, in microseconds of the monotonic clock, as a tree; frames of the same name under the same
 * caller are one.
 *
 * @returns {Frame}
 */
export function callTree({ nodes, samples, timeDeltas, startTime }, fromUs, untilUs) {
  const byId = new Map(nodes.map((node) => [node.id, { ...node, parent: undefined }]));
  for (const node of byId.values()) for (const child of node.children ?? []) byId.get(child).parent = node;
  const root = frame('all');
  let at = startTime;
  samples.forEach((id, i) => {
    at += timeDeltas[i];
    if (at >= fromUs && at < untilUs) addSample(root, stackOf(byId.get(id)), timeDeltas[i]);
  });
  return root;
}

/** @returns {[name: string, us: number][]} longest first */
export function selfTimes(root) {
  const times = new Map();
  visit(root, ({ name, selfUs }) => times.set(name, (times.get(name) ?? 0) + selfUs));
  return [...times].filter(([, us]) => us > 0).toSorted((a, b) => b[1] - a[1]);
}

/** The form that flame graph tools read: one line per stack, frames from the outermost in, and its microseconds. */
export function foldedStacks(root) {
  const lines = [];
  visit(root, ({ selfUs }, stack) => {
    if (selfUs > 0) lines.push({ stack: stack.join(';'), selfUs });
  });
  return lines.toSorted((a, b) => b.selfUs - a.selfUs).map(({ stack, selfUs }) => `${stack} ${selfUs}`);
}

/** A flame graph as text: callees below their caller, down to a share of all. */
export function flameLines(root, leastShare) {
  const lines = [];
  visit(root, ({ name, totalUs, selfUs }, stack) => {
    const share = totalUs / root.totalUs;
    if (share < leastShare) return;
    lines.push(`${percent(share)} ${percent(selfUs / root.totalUs)}  ${' '.repeat(stack.length)}${name}`);
  });
  return lines;
}

export const percent = (share) => `${(100 * share).toFixed(1).padStart(5)}%`;

/** Heaviest callee first; `stack` holds the names below the root, with the frame's own. */
function visit(parent, report, stack = []) {
  report(parent, stack);
  const callees = [...parent.callees.values()].toSorted((a, b) => b.totalUs - a.totalUs);
  for (const callee of callees) visit(callee, report, [...stack, callee.name]);
}

function addSample(root, names, us) {
  let at = root;
  at.totalUs += us;
  for (const name of names) {
    if (!at.callees.has(name)) at.callees.set(name, frame(name));
    at = at.callees.get(name);
    at.totalUs += us;
  }
  at.selfUs += us;
}

const frame = (name) => ({ name, selfUs: 0, totalUs: 0, callees: new Map() });

/** Names from the outermost call in, without V8's root. */
function stackOf(node) {
  const names = [];
  for (let each = node; each.parent; each = each.parent) names.unshift(nameOf(each.callFrame));
  return names;
}

function nameOf({ functionName, url, lineNumber }) {
  const name = functionName || '(anonymous)';
  return url ? `${name} ${place(url)}:${lineNumber + 1}` : name;
}

/** Shorter where the file lies in this checkout, or in a package of it. */
function place(url) {
  if (!url.startsWith('file:')) return url;
  return fileURLToPath(url)
    .replace(`${process.cwd()}/`, '')
    .replace(/^.*node_modules\//, '');
}
