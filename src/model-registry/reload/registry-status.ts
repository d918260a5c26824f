import { Injectable } from '@nestjs/common';
import { ModelMetrics } from '../model-metrics.js';
import { RegistryError } from '../registry-error.js';
import type { ResolvedVersion } from '../source/model-source.js';
import type { VersionFailure } from './failure-memory.js';

/** What the service knows of the registry, and how fresh that is. */
export interface RegistrySnapshot {
  lastLookAt: Date | undefined;
  lastSuccessAt: Date | undefined;
  /** Why the last look failed; undefined when it succeeded. */
  lastError: string | undefined;
  /** The version that the source named at the last successful look. */
  namedVersion: string | undefined;
  /** Since when it has named a version that is not live, without a pin that holds it off. */
  behindSince: Date | undefined;
  /** The version that is being prepared. */
  preparing: string | undefined;
  /** Why the named version is not live. */
  failure: VersionFailure | undefined;
  pinned: boolean;
  /** Why what serves could not be written down. */
  cacheError: string | undefined;
}

@Injectable()
export class RegistryStatus {
  private readonly state: RegistrySnapshot = {
    lastLookAt: undefined,
    lastSuccessAt: undefined,
    lastError: undefined,
    namedVersion: undefined,
    behindSince: undefined,
    preparing: undefined,
    failure: undefined,
    pinned: false,
    cacheError: undefined,
  };

  constructor(private readonly metrics: ModelMetrics) {
    metrics.observeFreshness(() => ({
      stale: this.isStale,
      behindMs: this.state.behindSince ? Date.now() - this.state.behindSince.getTime() : 0,
    }));
  }

  get snapshot(): Readonly<RegistrySnapshot> {
    return this.state;
  }

  /** What the looks at the source found, as answers tell it: times in ISO 8601. */
  get looks() {
    const { namedVersion, lastLookAt, lastSuccessAt, lastError } = this.state;
    return {
      namedVersion: namedVersion ?? null,
      lastLookAt: lastLookAt?.toISOString() ?? null,
      lastSuccessAt: lastSuccessAt?.toISOString() ?? null,
      lastError: lastError ?? null,
    };
  }

  /** Whether what serves is not known to be what the source names: the last look failed, or that version did. */
  get isStale(): boolean {
    return this.state.lastError !== undefined || this.state.failure !== undefined;
  }

  /** @returns whether the look before had failed */
  lookSucceeded({ version }: ResolvedVersion): boolean {
    const recovered = this.state.lastError !== undefined;
    const now = new Date();
    Object.assign(this.state, { lastLookAt: now, lastSuccessAt: now, lastError: undefined, namedVersion: version });
    this.metrics.registryAnswered(version, now);
    return recovered;
  }

  /** @returns whether this failure is another than the last one, and so worth telling */
  lookFailed(error: Error): boolean {
    const isNews = this.state.lastError !== error.message;
    this.state.lastLookAt = new Date();
    this.state.lastError = error.message;
    // A registry that says "there is no such alias" is up.
    const answered = error instanceof RegistryError && error.failure === 'not-found';
    this.metrics.registryFailed(answered);
    return isNews;
  }

  preparing(version: string | undefined): void {
    this.state.preparing = version;
  }

  /** What the source names is live. */
  inStep(): void {
    this.state.behindSince = undefined;
    this.state.failure = undefined;
  }

  /** The source names a version that is not live yet. */
  behind(): void {
    this.state.behindSince ??= new Date();
  }

  versionFailed(failure: VersionFailure): void {
    this.state.failure = failure;
  }

  /** Not following is what was asked for, so it is neither behind nor a failure. */
  pinned(pinned: boolean): void {
    this.state.pinned = pinned;
    this.metrics.pinned(pinned);
    if (pinned) this.inStep();
  }

  /** @returns whether this failure is another than the last one, and so worth telling */
  cacheFailed(reason: string | undefined): boolean {
    const isNews = reason !== undefined && this.state.cacheError !== reason;
    this.state.cacheError = reason;
    return isNews;
  }

  /** What an earlier process knew; the first successful look replaces it. */
  lastConfirmed(at: Date | undefined): void {
    this.state.lastSuccessAt = at;
    if (at) this.metrics.registryLastAnswered(at);
  }

  /** What keeps the service from being sure that it serves what it should; undefined when nothing does. */
  get degradedBecause(): string | undefined {
    const { lastError, failure, cacheError, pinned, namedVersion } = this.state;
    if (lastError !== undefined) return `The registry does not say which version to serve: ${lastError}`;
    if (failure) return `Version ${namedVersion} is named but could not go live: ${failure.reason}`;
    if (cacheError !== undefined) return `A restart would come up on an older version: ${cacheError}`;
    return pinned ? 'A version is pinned; the alias is not followed.' : undefined;
  }
}
