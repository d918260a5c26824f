import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { DatabaseModule } from '../database/database.module.js';
import { ModelRegistryModule } from '../model-registry/model-registry.module.js';
import { DatabaseHealthIndicator } from './database.health.js';
import { HealthController } from './health.controller.js';
import { ModelHealthIndicator } from './model.health.js';
import { RegistryHealthIndicator } from './registry.health.js';
import { ShutdownHealthIndicator } from './shutdown.health.js';

@Module({
  imports: [TerminusModule, DatabaseModule, ModelRegistryModule],
  controllers: [HealthController],
  providers: [DatabaseHealthIndicator, ModelHealthIndicator, RegistryHealthIndicator, ShutdownHealthIndicator],
})
export class HealthModule {}
