import type { DataSource } from 'typeorm';
import { PredictionEntity } from '../entities/prediction.entity.js';
import { LegalHoldEntity } from '../entities/legal-hold.entity.js';
import { lockErasures } from '../erasure-lock.js';

export interface PlacedHold {
  hold: LegalHoldEntity;
  /** False when there was one already, which stays as it is. */
  isNew: boolean;
  /** How many records it keeps now; later ones with the same reference are kept as well. */
  predictions: number;
}

/** Keeps the records of a reference from erasure and retention, until {@link releaseHold}. */
export function placeHold(dataSource: DataSource, reference: string, reason: string): Promise<PlacedHold> {
  return dataSource.transaction(async (manager) => {
    await lockErasures(manager, 'exclusive');
    const before = await manager.findOneBy(LegalHoldEntity, { reference });
    return {
      hold: before ?? (await manager.save(LegalHoldEntity, { reference, reason })),
      isNew: before === null,
      predictions: await manager.countBy(PredictionEntity, { reference }),
    };
  });
}

/** @returns whether there was one */
export async function releaseHold(dataSource: DataSource, reference: string): Promise<boolean> {
  const { affected } = await dataSource.manager.delete(LegalHoldEntity, { reference });
  return affected === 1;
}
