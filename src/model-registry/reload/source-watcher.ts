import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import type { Env } from '../../config/env.schema.js';
import { ActiveModel } from '../active-model.js';
import { ModelSource } from '../source/model-source.js';
import { DirectoryWatch } from './directory-watch.js';
import { ModelFollower } from './model-follower.js';
import { RegistryStatus } from './registry-status.js';
import type { ReloadTrigger } from './reload-history.js';

/**
 * When a look begins, in intervals since the last one began. Polls of many replicas must not arrive together; and the
 * look, with loading what it finds, is to end within the interval, which is how long an answer may be out of date.
 */
const EARLIEST_LOOK = 0.7;
const LATEST_LOOK = 0.9;
/** Without a model every second counts, but a registry that is down must not be stormed. */
const FIRST_RETRY_MS = 1000;
/** A directory is written file by file: it is looked at once it has been quiet for this long. */
const FILE_QUIET_MS = 200;
/** A webhook makes the next look sooner, but never more often than this. */
const MIN_NUDGE_INTERVAL_MS = 200;

/** Decides when to look at the source: at start, at intervals, when told to, and when watched files change. */
@Injectable()
export class SourceWatcher implements OnModuleInit, OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(SourceWatcher.name);
  private readonly pollIntervalMs: number;
  private retries = 0;
  private pollStartedAt = -Infinity;
  private pollTimer: NodeJS.Timeout | undefined;
  private nudgeTimer: NodeJS.Timeout | undefined;
  private quietTimer: NodeJS.Timeout | undefined;
  private lastNudgeAt = -Infinity;
  private files: DirectoryWatch | undefined;
  private closed = false;

  constructor(
    @Inject(ModelSource) private readonly source: ModelSource,
    private readonly follower: ModelFollower,
    private readonly activeModel: ActiveModel,
    private readonly status: RegistryStatus,
    config: ConfigService<Env, true>,
  ) {
    this.pollIntervalMs = config.get('MODEL_POLL_INTERVAL_MS', { infer: true });
  }

  /**
   * Loads the model before the service listens. A local directory that must not serve stops the start, since nothing
   * but a person can put it right; a registry that is away does not, since it comes back.
   */
  async onModuleInit(): Promise<void> {
    this.pollStartedAt = performance.now();
    const { error } = await this.follower.start();
    if (error && this.source.watchedDirectory !== undefined) throw error;
    if (error) this.logger.error('Starting without a model; not ready until one is live', { reason: error.message });
  }

  onApplicationBootstrap(): void {
    this.watchFiles();
    this.scheduleNextLook();
  }

  /** Makes the next look immediate. Any number of nudges lead to one look, or to one more when one is under way. */
  nudge(trigger: ReloadTrigger): void {
    if (this.nudgeTimer || this.closed) return;
    const waitMs = Math.max(0, this.lastNudgeAt + MIN_NUDGE_INTERVAL_MS - performance.now());
    this.nudgeTimer = setTimeout(() => {
      this.nudgeTimer = undefined;
      this.lastNudgeAt = performance.now();
      void this.look(trigger);
    }, waitMs);
  }

  async onApplicationShutdown(): Promise<void> {
    this.closed = true;
    clearTimeout(this.pollTimer);
    clearTimeout(this.nudgeTimer);
    clearTimeout(this.quietTimer);
    this.files?.close();
    await this.follower.close();
  }

  private scheduleNextLook(): void {
    if (this.closed) return;
    const live = this.activeModel.peek() !== undefined;
    if (live) this.retries = 0;
    const intervalMs = live ? this.pollIntervalMs : Math.min(this.pollIntervalMs, FIRST_RETRY_MS * 2 ** this.retries++);
    const nextAt = this.pollStartedAt + intervalMs * (EARLIEST_LOOK + (LATEST_LOOK - EARLIEST_LOOK) * Math.random());
    this.pollTimer = setTimeout(() => void this.poll(), Math.max(0, nextAt - performance.now()));
  }

  private async poll(): Promise<void> {
    this.pollStartedAt = performance.now();
    if (!this.isSettled) await this.look('poll');
    this.scheduleNextLook();
  }

  /** What cannot move need not be looked at again, unless an operator's action has left it behind. */
  private get isSettled(): boolean {
    return this.activeModel.peek() !== undefined && !this.source.canMove && !this.status.isStale;
  }

  /** Failures of a look are recorded by the follower; what is caught here is a fault of our own. */
  private async look(trigger: ReloadTrigger): Promise<void> {
    try {
      await this.follower.look(trigger);
    } catch (error) {
      if (!this.closed) this.logger.error('A look at the source failed', { reason: String(error) });
    }
  }

  private filesChanged(): void {
    clearTimeout(this.quietTimer);
    this.quietTimer = setTimeout(() => this.nudge('file-change'), FILE_QUIET_MS);
  }

  private watchFiles(): void {
    const directory = this.source.watchedDirectory;
    if (directory === undefined) return;
    const onBlind = (error: unknown) =>
      this.logger.warn('The model directory is not watched, only polled', { reason: String(error) });
    try {
      this.files = new DirectoryWatch(directory, () => this.filesChanged(), onBlind);
    } catch (error) {
      onBlind(error);
    }
  }
}
