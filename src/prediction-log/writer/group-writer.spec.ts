import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { ConfigService } from '@nestjs/config';
import { newId } from '../../common/ids/new-id.js';
import { logEntry, predictionRow } from '../../../test/support/log-entry.js';
import { predictionLogMetrics } from '../../../test/support/prediction-log-metrics.js';
import type { Env } from '../../config/env.schema.js';
import { ChainHeads } from '../chain/chain-heads.js';
import type { ChainGroup } from '../chain/chain-writer.js';
import type { LogEntry } from '../prediction-record.js';
import { GroupLane } from './group-lane.js';
import { GroupWriter } from './group-writer.js';
import type { LogConnection } from './log-connection.js';
import { PendingEntries } from './pending-entries.js';

Logger.overrideLogger(false);

const KEY = 'a chain key of at least 32 characters';
/** Longer than entries wait for others. */
const GATHERED_MS = 20;

/** A connection that commits when the test says so. */
class HeldConnection {
  /** How many rows each group has that it was given. */
  readonly groups: number[] = [];
  isHeld = true;
  private inFlight: (() => void) | undefined;

  insert({ rowCount }: ChainGroup): Promise<number> {
    this.groups.push(rowCount);
    return new Promise((resolve) => {
      if (this.isHeld) this.inFlight = () => resolve(rowCount);
      else resolve(rowCount);
    });
  }

  async ensureContexts(): Promise<void> {
    // They are there.
  }

  async close(): Promise<void> {
    // There is none.
  }

  async commit(): Promise<void> {
    this.inFlight?.();
    await turn();
  }
}

/** Lets everything go on that waits for nothing else. */
const turn = () => new Promise((resolve) => void setImmediate(resolve));

let writer: GroupWriter;
let connections: HeldConnection[];

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'performance', 'queueMicrotask', 'setImmediate'] });
});
afterEach(async () => {
  jest.useRealTimers();
  for (const connection of connections) {
    connection.isHeld = false;
    await connection.commit();
  }
  await writer.close();
});

function start({ lanes }: { lanes: number }): HeldConnection[] {
  const entries = new PendingEntries();
  const metrics = predictionLogMetrics();
  connections = Array.from({ length: lanes }, () => new HeldConnection());
  const heads = new ChainHeads({ get: () => KEY } as unknown as ConfigService<Env, true>);
  const groupLanes = connections.map(
    (connection) => new GroupLane(connection as unknown as LogConnection, heads, entries, metrics, KEY),
  );
  writer = new GroupWriter(entries, groupLanes, metrics, 1000);
  return connections;
}

/** Gives the writer so many entries at once, and lets it begin with them. */
async function record(count: number, entry: () => LogEntry = logEntry): Promise<void> {
  for (let i = 0; i < count; i++) writer.record(entry()).catch(() => undefined);
  await turn();
}

describe('GroupWriter', () => {
  it('begins a second group once as much waits as the first has in flight', async () => {
    const [a, b] = start({ lanes: 2 });
    await record(2);
    await record(1);
    expect([a!.groups, b!.groups]).toEqual([[2], []]);
    await record(1);
    expect([a!.groups, b!.groups]).toEqual([[2], [2]]);
  });

  it('leaves nothing beside an idle lane, also when less waits than the other lane has in flight', async () => {
    const [a, b] = start({ lanes: 2 });
    await record(25);
    await record(50);
    await record(40);
    expect([a!.groups, b!.groups]).toEqual([[25], [50]]);
    await a!.commit();
    await jest.advanceTimersByTimeAsync(GATHERED_MS);
    expect([a!.groups, b!.groups]).toEqual([[25, 40], [50]]);
  });

  it('looks again when a lane is idle, where none was when entries had waited long enough', async () => {
    const [a, b] = start({ lanes: 2 });
    await record(2);
    await record(50);
    await record(1);
    await jest.advanceTimersByTimeAsync(GATHERED_MS);
    expect([a!.groups, b!.groups]).toEqual([[2], [50]]);
    await a!.commit();
    await jest.advanceTimersByTimeAsync(GATHERED_MS);
    expect([a!.groups, b!.groups]).toEqual([[2, 1], [50]]);
  });

  it('gives each idle lane a group where not all that waits can be in one', async () => {
    const [a, b] = start({ lanes: 2 });
    const times = ['2026-10-31T23:59:59.999Z', '2026-11-01T00:00:00Z'];
    await record(2, () => logEntry({ ids: [newId(Date.parse(times.shift()!))] }));
    expect([a!.groups, b!.groups]).toEqual([[1], [1]]);
  });

  it('fails the entry that no group can be made of, and no other', async () => {
    const [a] = start({ lanes: 1 });
    a!.isHeld = false;
    const broken = { ...logEntry(), rows: [{ ...predictionRow(), inputs: null as never }] };
    const outcomes = await Promise.allSettled([logEntry(), broken, logEntry()].map((entry) => writer.record(entry)));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    await expect(writer.record(logEntry())).resolves.toBeUndefined();
  });
});
