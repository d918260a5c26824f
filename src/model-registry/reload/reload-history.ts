import { Injectable } from '@nestjs/common';

const MAX_EVENTS = 50;

export type ReloadTrigger = 'startup' | 'poll' | 'webhook' | 'file-change' | 'admin';

/** How an attempt ended. Also a metric label, so a closed set. */
export const RELOAD_RESULTS = [
  'swapped',
  'restored',
  'rolled-back',
  'pinned',
  'unpinned',
  'rejected',
  'unavailable',
  'recovered',
] as const;
export type ReloadResult = (typeof RELOAD_RESULTS)[number];

export interface ReloadEvent {
  at: Date;
  trigger: ReloadTrigger;
  result: ReloadResult;
  /** The version it was about; undefined when the registry could not say. */
  version: string | undefined;
  /** Whether trying the same again can help: false for a version that must not serve. */
  retryable: boolean | undefined;
  reason: string | undefined;
  durationMs: number;
}

/** The last events, newest first. Looks that find nothing new are not events. */
@Injectable()
export class ReloadHistory {
  private readonly recorded: ReloadEvent[] = [];

  record(event: ReloadEvent): void {
    this.recorded.unshift(event);
    this.recorded.length = Math.min(this.recorded.length, MAX_EVENTS);
  }

  get events(): readonly ReloadEvent[] {
    return this.recorded;
  }
}
