import { Inject, Injectable, Logger } from '@nestjs/common';
import { ActiveModel } from '../active-model.js';
import { type CachedVersion, ModelCache, type NamedVersion, type ServedState } from '../cache/model-cache.js';
import { ModelMetrics } from '../model-metrics.js';
import { isRetryable, ModelRejectedError } from '../model-rejected.error.js';
import { RegistryError } from '../registry-error.js';
import type { ServedModel } from '../served-model.js';
import { isSameTags, ModelSource, type ResolvedVersion } from '../source/model-source.js';
import { FailureMemory } from './failure-memory.js';
import { RegistryStatus } from './registry-status.js';
import { RELOAD_RESULTS, ReloadHistory, type ReloadResult, type ReloadTrigger } from './reload-history.js';
import { VersionPreparer } from './version-preparer.js';

/** What came of a look at the source, or of an operator's action. */
export type ReloadOutcome =
  | { result: 'unchanged' | 'held-by-pin' | 'waiting-to-retry'; error?: never }
  | { result: Extract<ReloadResult, 'swapped' | 'restored' | 'rolled-back' | 'pinned' | 'unpinned'>; error?: never }
  | { result: 'rejected'; error: ModelRejectedError }
  | { result: 'unavailable'; error: Error };

/**
 * Makes the service serve what the source names: looks, prepares, swaps, remembers. One action at a time; looks that
 * are asked for while another one waits its turn share it.
 */
@Injectable()
export class ModelFollower {
  private readonly logger = new Logger(ModelFollower.name);
  private readonly failures = new FailureMemory();
  private readonly closing = new AbortController();
  private lastAction: Promise<unknown> = Promise.resolve();
  private waitingLook: Promise<ReloadOutcome> | undefined;
  private state: ServedState | undefined;
  /** What the last look found; null when there was no such alias, undefined while no look has said anything. */
  private named: NamedVersion | null | undefined;
  /** The state, while the cache has an older one. */
  private unwritten: ServedState | undefined;

  constructor(
    @Inject(ModelSource) private readonly source: ModelSource,
    private readonly preparer: VersionPreparer,
    private readonly cache: ModelCache,
    private readonly activeModel: ActiveModel,
    private readonly history: ReloadHistory,
    private readonly status: RegistryStatus,
    private readonly metrics: ModelMetrics,
  ) {
    metrics.reloadsMayEnd(RELOAD_RESULTS);
  }

  get servedState(): ServedState | undefined {
    return this.state;
  }

  /**
   * Brings up what the source names; when that cannot be had, what this MODEL_URI served last. A pin goes first.
   *
   * @returns the outcome of the look, or of the restoring that took its place
   */
  start(): Promise<ReloadOutcome> {
    return this.exclusively(async () => {
      await this.cache.open();
      this.state = await this.cache.readState(this.source.uri);
      this.named = lastNamed(this.state);
      this.status.lastConfirmed(await this.cache.confirmedAt(this.source.uri));
      this.status.pinned(this.state?.pinned ?? false);
      if (this.state?.pinned) {
        const outcome = await this.restore(this.state.served, 'startup', 'restored');
        if (!outcome.error) return outcome;
        return this.moveToVersion(this.state.served.version, 'startup');
      }
      const looked = await this.lookNow('startup');
      if (!looked.error || !this.state || this.isRejected(this.state.served)) return looked;
      const restored = await this.restore(this.state.served, 'startup', 'restored');
      return restored.error ? looked : restored;
    });
  }

  /** Looks at the source and goes live with what it names, unless that is live, pinned away, or known to fail. */
  look(trigger: ReloadTrigger): Promise<ReloadOutcome> {
    this.waitingLook ??= this.exclusively(() => {
      this.waitingLook = undefined;
      return this.lookNow(trigger);
    });
    return this.waitingLook;
  }

  /** As {@link look}, and what failed before is tried again at once. */
  reload(): Promise<ReloadOutcome> {
    return this.exclusively(async () => {
      const { last } = this.failures;
      if (last) await this.cache.endTrials(last.candidate.identity);
      this.failures.forget();
      return this.lookNow('admin');
    });
  }

  /** Goes live with a certain version and stays there until {@link unpin}. */
  pin(version: string): Promise<ReloadOutcome> {
    return this.exclusively(() => this.moveToVersion(version, 'admin'));
  }

  /**
   * Goes back to the version that was live before the present one, and stays there until {@link unpin}.
   *
   * @returns undefined when there is none, or the present one was gone back to
   */
  rollback(): Promise<ReloadOutcome | undefined> {
    return this.exclusively(async () => {
      const previous = this.state?.previous;
      return previous && (await this.restore(previous, 'admin', 'rolled-back'));
    });
  }

  /** Follows the source again, from now on. */
  unpin(): Promise<ReloadOutcome> {
    return this.exclusively(async () => {
      if (!this.state?.pinned) return { result: 'unchanged' };
      this.setState({ ...this.state, pinned: false });
      this.record('admin', 'unpinned', performance.now(), { version: this.state.served.version });
      await this.writeState();
      // The pin is off whatever comes of this look; what kept it from moving is in the history and the status.
      await this.lookNow('admin');
      return { result: 'unpinned' };
    });
  }

  /** Ends what is under way; nothing is begun afterwards. */
  async close(): Promise<void> {
    this.closing.abort();
    await this.lastAction.catch(() => undefined);
  }

  private exclusively<T>(action: () => Promise<T>): Promise<T> {
    const outcome = this.lastAction.then(() => {
      this.closing.signal.throwIfAborted();
      return action();
    });
    this.lastAction = outcome.catch(() => undefined);
    return outcome;
  }

  private async lookNow(trigger: ReloadTrigger): Promise<ReloadOutcome> {
    const outcome = await this.followSource(trigger);
    await this.nameAlias();
    return outcome;
  }

  private async followSource(trigger: ReloadTrigger): Promise<ReloadOutcome> {
    const startedAt = performance.now();
    let resolved: ResolvedVersion;
    try {
      resolved = await this.source.resolve(this.closing.signal);
    } catch (error) {
      return this.lookFailed(asError(error), trigger, startedAt);
    }
    this.named = namedVersion(resolved);
    if (this.status.lookSucceeded(resolved)) {
      this.record(trigger, 'recovered', startedAt, { version: resolved.version });
    }
    await this.writeDown(async () => {
      await this.writeUnwritten();
      await this.cache.confirm(this.source.uri);
    });
    if (this.isLive(resolved)) {
      this.failures.forget();
      this.status.inStep();
      return { result: 'unchanged' };
    }
    if (this.state?.pinned) {
      return this.activeModel.peek()
        ? { result: 'held-by-pin' }
        : this.moveToVersion(this.state.served.version, trigger);
    }
    this.status.behind();
    const failure = this.failures.blocking(resolved, Date.now());
    if (failure) {
      this.status.versionFailed(failure);
      return { result: 'waiting-to-retry' };
    }
    return this.moveTo(resolved, trigger, { result: 'swapped', startedAt });
  }

  /** Whether it is this very version that must not serve, such as after a stricter setting or another sha256 tag. */
  private isRejected(version: CachedVersion): boolean {
    const { last } = this.failures;
    return last?.retryable === false && isSameVersion(last.candidate, version);
  }

  private isLive(version: ResolvedVersion): boolean {
    const live = this.activeModel.peek();
    return live !== undefined && isSameVersion({ ...live, version: live.ref.version }, version);
  }

  /** The alias that the last look found naming that version, null when there is none. */
  private aliasOf({ identity, ref }: ServedModel): string | null {
    return this.named?.identity === identity && this.named.version === ref.version ? this.named.alias : null;
  }

  /**
   * Once a look has ended, so that a model that is about to be replaced keeps its alias. An auditor reads an alias in a
   * record as "this was production then".
   */
  private async nameAlias(): Promise<void> {
    const live = this.activeModel.peek();
    if (!live || !this.state || this.named === undefined) return;
    const alias = this.aliasOf(live);
    if (alias === live.ref.alias && isSameNamed(this.named, this.state.named)) return;
    const { served, pinned } = this.state;
    if (alias !== live.ref.alias) this.metrics.modelNamed(this.activeModel.nameAlias(alias).ref);
    this.setState({ ...this.state, served: { ...served, alias }, named: this.named });
    this.logger.log(
      pinned
        ? 'MODEL_URI names something else now; the pin keeps this instance where it is'
        : 'MODEL_URI names something else now',
      { named: this.named?.version ?? null, live: served.version, alias },
    );
    await this.writeState();
  }

  private lookFailed(error: Error, trigger: ReloadTrigger, startedAt: number): ReloadOutcome {
    if (error instanceof RegistryError && error.failure === 'not-found') this.named = null;
    if (this.status.lookFailed(error)) this.record(trigger, resultOf(error), startedAt, { error });
    return failed(error);
  }

  private async moveToVersion(version: string, trigger: ReloadTrigger): Promise<ReloadOutcome> {
    const startedAt = performance.now();
    let resolved: ResolvedVersion;
    try {
      resolved = await this.source.resolveVersion(version, this.closing.signal);
    } catch (error) {
      this.record(trigger, resultOf(error), startedAt, { version, error: asError(error) });
      return failed(asError(error));
    }
    // Whoever asks for it by name wants it tried, whatever came of it before.
    if (trigger === 'admin') await this.cache.endTrials(resolved.identity);
    if (this.state && this.isLive(resolved)) {
      this.setState({ ...this.state, pinned: true });
      this.record(trigger, 'pinned', startedAt, { version });
      await this.writeState();
      return { result: 'pinned' };
    }
    return this.moveTo(resolved, trigger, { result: 'pinned', startedAt });
  }

  private async moveTo(
    resolved: ResolvedVersion,
    trigger: ReloadTrigger,
    { result, startedAt }: { result: 'swapped' | 'pinned'; startedAt: number },
  ): Promise<ReloadOutcome> {
    const { version } = resolved;
    this.status.preparing(version);
    try {
      const model = await this.preparer.prepare(resolved, this.source.uri, this.closing.signal);
      await this.refuseOtherInputs(model, resolved);
      if (result === 'swapped' && (await this.hasMovedOn(resolved))) {
        await model.runner.dispose();
        this.logger.log('The source named another version before this one was ready', { version });
        return await this.lookNow(trigger);
      }
      this.goLive(model, { pinned: result === 'pinned', previous: this.replacedBy(model) });
      this.failures.forget();
      this.status.inStep();
      this.record(trigger, result, startedAt, { version });
    } catch (error) {
      // Told to the operator who asked for it by name; what the source names has not failed.
      const isOperatorsPin = trigger === 'admin' && result === 'pinned';
      if (!isOperatorsPin) this.status.versionFailed(this.failures.remember(resolved, asError(error), Date.now()));
      this.record(trigger, resultOf(error), startedAt, { version, error: asError(error) });
      return failed(asError(error));
    } finally {
      this.status.preparing(undefined);
    }
    await this.writeState();
    return { result };
  }

  /** Whoever takes back a wrong version while it is prepared must not see it live. Nothing is known while nobody answers. */
  private async hasMovedOn(version: ResolvedVersion): Promise<boolean> {
    try {
      return !isSameVersion(await this.source.resolve(this.closing.signal), version);
    } catch {
      return false;
    }
  }

  private async restore(
    cached: CachedVersion,
    trigger: ReloadTrigger,
    result: 'restored' | 'rolled-back',
  ): Promise<ReloadOutcome> {
    const startedAt = performance.now();
    const { version } = cached;
    try {
      const model = await this.preparer.restore(cached, this.source.uri);
      // What was rolled back from is nothing to go back to.
      const isBack = result === 'rolled-back';
      const previous = isBack ? undefined : this.replacedBy(model);
      this.goLive(model, { pinned: isBack || (this.state?.pinned ?? false), previous });
      this.record(trigger, result, startedAt, { version });
    } catch (error) {
      this.record(trigger, resultOf(error), startedAt, { version, error: asError(error) });
      return failed(asError(error));
    }
    await this.writeState();
    return { result };
  }

  private async refuseOtherInputs(model: ServedModel, resolved: ResolvedVersion): Promise<void> {
    try {
      await this.assertSameInputs(model, resolved);
    } catch (error) {
      await model.runner.dispose();
      throw error;
    }
  }

  /** Other inputs than the live model's (at start: than the last served one's) would break every client at once. */
  private async assertSameInputs(model: ServedModel, { allowSignatureChange }: ResolvedVersion): Promise<void> {
    if (allowSignatureChange) return;
    const given = model.inputs.map(({ name }) => name);
    const expected = await this.expectedInputs(model);
    if (!expected || expected.join('\n') === given.join('\n')) return;
    throw new ModelRejectedError(
      `The version takes other inputs than the live model (${given.join(', ')} instead of ${expected.join(', ')}). ` +
        'If clients are ready for that, set the tag allow_signature_change=true on the model version ' +
        '(for a file: directory, allow_signature_change: true under metadata.credit_default in MLmodel).',
    );
  }

  /**
   * @returns undefined where nothing has served yet, or these very files have: an older release may have called their inputs
   *   otherwise
   */
  private async expectedInputs({ ref }: ServedModel): Promise<readonly string[] | undefined> {
    const live = this.activeModel.peek();
    if (live) return live.inputs.map(({ name }) => name);
    const served = this.state?.served;
    if (!served || served.digest === ref.digest) return undefined;
    return (await this.preparer.inputNamesOf(served)) ?? served.inputNames;
  }

  /** What a rollback from that model would go to. */
  private replacedBy(model: ServedModel): CachedVersion | undefined {
    const before = this.state?.served;
    return before && !isSameVersion(before, cachedVersion(model)) ? before : this.state?.previous;
  }

  /**
   * In one turn of the event loop with the event that tells of it, so that nobody sees an answer of a version that the
   * history, the metrics and the status do not know yet. The disk comes afterwards: {@link writeState}.
   */
  private goLive(
    prepared: ServedModel,
    { pinned, previous }: { pinned: boolean; previous: CachedVersion | undefined },
  ): void {
    const model = { ...prepared, ref: { ...prepared.ref, alias: this.aliasOf(prepared) } };
    this.activeModel.activate(model);
    this.metrics.modelActivated(model);
    this.setState({
      uri: this.source.uri,
      served: cachedVersion(model),
      servedAt: model.loadedAt.toISOString(),
      ...(previous && { previous }),
      ...(this.named !== undefined && { named: this.named }),
      pinned,
    });
    this.logger.log('Model is live', { ...model.ref, inputs: model.inputs.length, pinned });
    for (const warning of model.warnings) this.logger.warn(warning, model.ref);
  }

  private setState(state: ServedState): void {
    this.state = state;
    this.status.pinned(state.pinned);
  }

  /** What fails here is tried again at the next look. */
  private async writeState(): Promise<void> {
    this.unwritten = this.state;
    await this.writeDown(() => this.writeUnwritten());
  }

  private async writeUnwritten(): Promise<void> {
    if (this.unwritten) await this.cache.writeState(this.unwritten);
    this.unwritten = undefined;
  }

  /** What serves goes on serving even when it cannot be written down; then a restart would know less. */
  private async writeDown(write: () => Promise<void>): Promise<void> {
    try {
      await write();
      this.status.cacheFailed(undefined);
    } catch (error) {
      const reason = asError(error).message;
      if (this.status.cacheFailed(reason)) {
        this.logger.error('MODEL_CACHE_DIR cannot be written to; a restart would come up on an older version', {
          reason,
        });
      }
    }
  }

  /**
   * Every attempt that changed something, or should have, leaves an event, a metric and a log line; but of a start with
   * nothing to fall back on, {@link start}'s caller tells.
   */
  private record(
    trigger: ReloadTrigger,
    result: ReloadResult,
    startedAt: number,
    { version, error }: { version?: string; error?: Error },
  ): void {
    // What a shutdown cuts short has not failed.
    if (error && this.closing.signal.aborted) return;
    const durationMs = Math.round(performance.now() - startedAt);
    const retryable = error && isRetryable(error);
    const event = { trigger, result, version, retryable, reason: error?.message, durationMs };
    this.history.record({ at: new Date(), ...event });
    this.metrics.reloadEnded(result, durationMs);
    const serving = this.activeModel.peek()?.ref.version ?? 'no version';
    if (error && trigger === 'startup' && !this.state) return;
    if (error) this.logger.error('A reload failed', { ...event, serving });
    else this.logger.log('A reload ended', event);
  }
}

const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)));

/**
 * Two registered versions can share one logged model, and so the identity; answers must name the right one. With other
 * tags the same files are another model.
 */
const isSameVersion = (a: VersionKey, b: VersionKey): boolean =>
  a.identity === b.identity && a.version === b.version && isSameTags(a.tags, b.tags);
type VersionKey = Pick<ResolvedVersion, 'identity' | 'version' | 'tags'>;

const namedVersion = ({ identity, version, alias }: NamedVersion): NamedVersion => ({ identity, version, alias });

const isSameNamed = (a: NamedVersion | null, b: NamedVersion | null | undefined): boolean =>
  a?.identity === b?.identity && a?.version === b?.version && a?.alias === b?.alias;

/** The release before did not write down what the source named; it was what served, unless that was pinned. */
function lastNamed(state: ServedState | undefined): NamedVersion | null | undefined {
  if (!state || state.named !== undefined) return state?.named;
  return state.pinned ? undefined : namedVersion(state.served);
}

const resultOf = (error: unknown): 'rejected' | 'unavailable' =>
  error instanceof ModelRejectedError ? 'rejected' : 'unavailable';

const failed = (error: Error): ReloadOutcome =>
  error instanceof ModelRejectedError ? { result: 'rejected', error } : { result: 'unavailable', error };

const cachedVersion = ({ ref, identity, runId, digestVouched, tags, inputs }: ServedModel): CachedVersion => ({
  identity,
  digest: ref.digest,
  name: ref.name,
  version: ref.version,
  alias: ref.alias,
  ...(runId !== undefined && { runId }),
  digestVouched,
  tags,
  inputNames: inputs.map(({ name }) => name),
});
