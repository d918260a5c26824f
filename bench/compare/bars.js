import { medianOf } from './medians.js';

/**
 * What the service promises, as ratios within a round; each is the median of the rounds.
 *
 * @typedef {object} Bar
 * @property {string} name
 * @property {number} value
 * @property {number} [least]
 * @property {number} [most]
 * @property {boolean} holds
 */

const perSecond = (connections) => (measured) => measured.singles[connections].perSecond;
const p50Ms = (connections) => (measured) => measured.singles[connections].p50Ms;
const rowsPerSecond = (batch) => (measured) => measured.rowsPerSecond[batch];

/** @type {[of: string, by: string, limit: { least?: number, most?: number }, what: string, figure: (measured: any) => number][]} */
const RATIOS = [
  ['ours', 'bare-node', { least: 1 }, 'requests/s at 16 connections', perSecond(16)],
  ['ours', 'bare-node', { least: 1 }, 'requests/s at 64 connections', perSecond(64)],
  ['ours-logged', 'bare-node', { least: 0.65 }, 'requests/s at 16 connections', perSecond(16)],
  ['ours-logged', 'bare-node', { least: 0.8 }, 'requests/s at 64 connections', perSecond(64)],
  ['ours-logged', 'fastapi', { least: 2.5 }, 'requests/s at 64 connections', perSecond(64)],
  ['ours-logged', 'mlserver', { least: 5 }, 'requests/s at 64 connections', perSecond(64)],
  ['ours-logged', 'bentoml', { least: 12 }, 'requests/s at 64 connections', perSecond(64)],
  ['ours-logged', 'mlflow', { least: 8 }, 'requests/s at 64 connections', perSecond(64)],
  ['ours', 'bare-node', { most: 1.3 }, 'p50 of a lone request', p50Ms(1)],
  ['ours', 'onnxruntime', { least: 0.6 }, 'rows/s in batches of 10,000', rowsPerSecond(10_000)],
];

/**
 * @param {Record<string, import('./measure.js').Measured>[]} rounds
 * @returns {Bar[]} those whose servers were measured
 */
export function bars(rounds) {
  const measured = RATIOS.filter(([of, by]) => of in rounds[0] && by in rounds[0]);
  return measured.map(([of, by, { least, most }, what, figure]) => {
    const value = medianOf(rounds.map((round) => figure(round[of]) / figure(round[by])));
    const holds = value >= (least ?? 0) && value <= (most ?? Infinity);
    return { name: `${of} / ${by}, ${what}`, value, least, most, holds };
  });
}
