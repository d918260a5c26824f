import type { NoticeMessage } from 'pg-protocol/dist/messages.js';

/**
 * Writes a little to PostgreSQL's write-ahead log. Where it waits for a synchronous standby, the commit of this does: by then
 * the standby has all that was committed before it. A transaction that writes nothing waits for none.
 */
export const REPLICATE = `SELECT CASE WHEN current_setting('synchronous_standby_names') <> ''
  THEN pg_logical_emit_message(true, 'credit-default-service', '')::text END`;

/** The function of PostgreSQL that waits for standbys, and warns where somebody cancels the wait. */
const WAIT_FOR_STANDBYS = 'SyncRepWaitForLSN';

/** A commit may be on this server alone, so that it is gone should a standby take over. */
export class UnreplicatedCommitError extends Error {
  override readonly name = UnreplicatedCommitError.name;

  constructor() {
    super('PostgreSQL committed, and somebody cancelled the wait for its standby: whether that has it is not known.');
  }
}

/** Whether PostgreSQL warns of such a commit. It tells no client so in any other way. */
export const isUnreplicated = ({ routine }: Pick<NoticeMessage, 'routine'>): boolean => routine === WAIT_FOR_STANDBYS;
