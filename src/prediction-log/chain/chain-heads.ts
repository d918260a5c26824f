import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import type { Env } from '../../config/env.schema.js';
import { ChainWriter } from './chain-writer.js';

const ANNOUNCE_EVERY_MS = 60_000;

/**
 * Starts chains and tells the log stream of their newest groups. Who can change the database can also cut off a chain's
 * tail, and only a head that was kept elsewhere shows that.
 */
@Injectable()
export class ChainHeads implements OnApplicationBootstrap {
  private readonly logger = new Logger(ChainHeads.name);
  private readonly key: string;
  private readonly announced = new Map<ChainWriter, number>();

  constructor(config: ConfigService<Env, true>) {
    this.key = config.get('PREDICTION_LOG_CHAIN_KEY', { infer: true })!;
  }

  newWriter(): ChainWriter {
    const writer = new ChainWriter(this.key);
    this.announced.set(writer, -1);
    return writer;
  }

  /** Tells of the newest group of a chain that nobody continues, where that was not told yet, and forgets the chain. */
  end(writer: ChainWriter): void {
    this.announceHead(writer);
    this.announced.delete(writer);
  }

  onApplicationBootstrap(): void {
    setInterval(() => this.announce(), ANNOUNCE_EVERY_MS).unref();
  }

  announce(): void {
    for (const writer of this.announced.keys()) this.announceHead(writer);
  }

  private announceHead(writer: ChainWriter): void {
    const { head } = writer;
    if (!head || head.sequence === this.announced.get(writer)) return;
    this.announced.set(writer, head.sequence);
    this.logger.log('Prediction log head', { ...head });
  }
}
