import { Inject, Injectable } from '@nestjs/common';
import { DomainError } from '../common/errors/domain-error.js';
import { ActiveModel } from '../model-registry/active-model.js';
import { ModelRejectedError } from '../model-registry/model-rejected.error.js';
import { ModelFollower, type ReloadOutcome } from '../model-registry/reload/model-follower.js';
import { RegistryStatus } from '../model-registry/reload/registry-status.js';
import { ReloadHistory } from '../model-registry/reload/reload-history.js';
import { RegistryError } from '../model-registry/registry-error.js';
import { ModelSource } from '../model-registry/source/model-source.js';
import type { AdminModel, ReloadResponse } from './admin.schemas.js';

const RETRY_AFTER_SECONDS = 10;

@Injectable()
export class AdminService {
  constructor(
    private readonly follower: ModelFollower,
    private readonly activeModel: ActiveModel,
    private readonly status: RegistryStatus,
    private readonly history: ReloadHistory,
    @Inject(ModelSource) private readonly source: ModelSource,
  ) {}

  model(): AdminModel {
    const { preparing, failure, pinned } = this.status.snapshot;
    const live = this.activeModel.peek();
    return {
      scope: 'instance',
      live: live ? versionOf(live.ref) : null,
      previous: this.follower.servedState?.previous ? versionOf(this.follower.servedState.previous) : null,
      pinned,
      candidate: preparing ?? null,
      registry: {
        uri: this.source.uri,
        ...this.status.looks,
        failure: failure ? { reason: failure.reason, retryable: failure.retryable, attempts: failure.attempts } : null,
      },
      events: this.history.events.map(({ at, version, retryable, reason, ...event }) => ({
        ...event,
        at: at.toISOString(),
        version: version ?? null,
        retryable: retryable ?? null,
        reason: reason ?? null,
      })),
    };
  }

  async reload(): Promise<ReloadResponse> {
    return this.response(await this.follower.reload());
  }

  async pin(version: string): Promise<ReloadResponse> {
    return this.response(await this.follower.pin(version));
  }

  async unpin(): Promise<ReloadResponse> {
    return this.response(await this.follower.unpin());
  }

  async rollback(): Promise<ReloadResponse> {
    const outcome = await this.follower.rollback();
    if (!outcome) {
      throw new DomainError('NO_PREVIOUS_MODEL', {
        detail:
          'This instance has served one version only, or was rolled back already. ' +
          'Pin a version by its number instead: POST /admin/model/reload {"version": "..."}.',
      });
    }
    return this.response(outcome);
  }

  private response(outcome: ReloadOutcome): ReloadResponse {
    if (outcome.error) throw asDomainError(outcome.error);
    return { scope: 'instance', result: outcome.result, live: versionOf(this.activeModel.current().ref) };
  }
}

function asDomainError(cause: Error): DomainError {
  const options = { detail: `What served before goes on serving. ${cause.message}`, cause };
  if (cause instanceof ModelRejectedError) return new DomainError('MODEL_REJECTED', options);
  if (cause instanceof RegistryError && cause.failure === 'not-found') {
    return new DomainError('VERSION_NOT_FOUND', options);
  }
  return new DomainError('REGISTRY_UNAVAILABLE', { ...options, retryAfterSeconds: RETRY_AFTER_SECONDS });
}

const versionOf = ({ name, version, digest }: { name: string; version: string; digest: string }) => ({
  name,
  version,
  digest,
});
