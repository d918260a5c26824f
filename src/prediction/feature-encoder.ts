import { DomainError, type InputIssue } from '../common/errors/domain-error.js';
import type { ModelInput } from '../model-registry/model-inputs.js';

/** A feature outside the range that the model declares for it. It is scored all the same. */
export interface FeatureWarning {
  feature: string;
  code: 'OUT_OF_RANGE';
}

/** `shape`: no model could take it. `fit`: this model does not. */
interface FeatureIssue extends InputIssue {
  kind: 'shape' | 'fit';
}

interface EncodedInput extends ModelInput {
  min: number;
  max: number;
}

/**
 * Turns a client's features into rows of float32 for one model. The values are converted once; what is scored is
 * what ranges are checked on and what is recorded.
 */
export class FeatureEncoder {
  private readonly inputs: readonly EncodedInput[];
  private readonly known: ReadonlySet<string>;

  constructor(inputs: readonly ModelInput[]) {
    // A bound is compared in float32, as the value is: else a value equal to it could fall outside.
    this.inputs = inputs.map((input) => ({
      ...input,
      min: Math.fround(input.range?.[0] ?? -Infinity),
      max: Math.fround(input.range?.[1] ?? Infinity),
    }));
    this.known = new Set(inputs.map(({ name }) => name));
  }

  get width(): number {
    return this.inputs.length;
  }

  /**
   * Writes one row.
   *
   * @param features an array in the model's order, or an object by name
   * @param path where `features` stands in the request, for errors
   * @param target `[n, d]`, row-major; the row starts at `offset`
   * @returns the warnings of the row; undefined when there are none
   * @throws DomainError INVALID_REQUEST or FEATURES_MISMATCH
   */
  encode(features: unknown, path: string, target: Float32Array, offset: number): FeatureWarning[] | undefined {
    const issues: FeatureIssue[] = [];
    if (Array.isArray(features)) this.encodePositional(features, path, target, offset, issues);
    else if (isObject(features)) this.encodeNamed(features, path, target, offset, issues);
    else issues.push({ kind: 'shape', path, message: 'must be an array of numbers or an object of numbers by name' });
    if (issues.length > 0) throw this.error(issues);
    return this.warnings(target, offset);
  }

  private encodePositional(
    features: readonly unknown[],
    path: string,
    target: Float32Array,
    offset: number,
    issues: FeatureIssue[],
  ): void {
    if (features.length !== this.width) {
      const message = `has ${features.length} values, the model takes ${this.width}`;
      issues.push({ kind: 'fit', path, message });
    }
    const count = Math.min(features.length, this.width);
    for (let i = 0; i < count; i++) {
      const value = features[i];
      if (isFloat32(value)) target[offset + i] = value;
      else target[offset + i] = encodeOther(value, this.inputs[i]!, `${path}.${i}`, issues);
    }
  }

  private encodeNamed(
    features: Record<string, unknown>,
    path: string,
    target: Float32Array,
    offset: number,
    issues: FeatureIssue[],
  ): void {
    const unknown = Object.keys(features).filter((name) => !this.known.has(name)).length;
    if (unknown > 0) {
      issues.push({ kind: 'fit', path, message: `has ${unknown} name(s) that are not inputs of the model` });
    }
    for (let i = 0; i < this.width; i++) {
      const input = this.inputs[i]!;
      const value = Object.hasOwn(features, input.name) ? features[input.name] : undefined;
      if (isFloat32(value)) target[offset + i] = value;
      else target[offset + i] = encodeOther(value, input, `${path}.${input.name}`, issues);
    }
  }

  private warnings(target: Float32Array, offset: number): FeatureWarning[] | undefined {
    let warnings: FeatureWarning[] | undefined;
    for (let i = 0; i < this.inputs.length; i++) {
      const { name, min, max } = this.inputs[i]!;
      const value = target[offset + i]!;
      if (value < min || value > max) (warnings ??= []).push({ feature: name, code: 'OUT_OF_RANGE' });
    }
    return warnings;
  }

  private error(issues: readonly FeatureIssue[]): DomainError {
    const errors = issues.map(({ path, message }) => ({ path, message }));
    if (issues.some(({ kind }) => kind === 'shape')) {
      return new DomainError('INVALID_REQUEST', { detail: 'Every feature must be a finite JSON number.', errors });
    }
    return new DomainError('FEATURES_MISMATCH', {
      detail:
        `The live model takes ${this.width} features, in this order or by name: ` +
        `${this.inputs.map(({ name }) => name).join(', ')}. GET /meta describes each.`,
      errors,
    });
  }
}

/** Whether it is a number that stays finite as a float32: by far the most values are. */
const isFloat32 = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(Math.fround(value));

/** Whoever brings the model can say so; the client cannot. */
const NOT_NULLABLE =
  'may not be null: nothing with the model says that it may be missing. If it was trained so, name it in nullable_features, in its ' +
  'metadata or a tag of the version (docs/model-contract.md)';

/** What is no such number is null, and then NaN for the model, or an issue. */
function encodeOther(value: unknown, input: ModelInput, path: string, issues: FeatureIssue[]): number {
  if (value === undefined) {
    issues.push({ kind: 'fit', path, message: 'is missing' });
  } else if (value === null) {
    if (!input.nullable) {
      issues.push({ kind: 'fit', path, message: NOT_NULLABLE });
    }
  } else if (typeof value !== 'number') {
    issues.push({ kind: 'shape', path, message: `must be a number${input.nullable ? ' or null' : ''}` });
  } else if (Number.isFinite(value)) {
    issues.push({ kind: 'fit', path, message: 'is beyond what a 32-bit float can hold' });
  } else {
    issues.push({ kind: 'shape', path, message: 'must be a finite number' });
  }
  return NaN;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
