import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { ModelRegistryModule } from '../model-registry/model-registry.module.js';
import { HealthController } from './health.controller.js';
import { ModelHealthIndicator } from './model.health.js';
import { RegistryHealthIndicator } from './registry.health.js';
import { ShutdownHealthIndicator } from './shutdown.health.js';

@Module({
  imports: [TerminusModule, ModelRegistryModule],
  controllers: [HealthController],
  providers: [ModelHealthIndicator, RegistryHealthIndicator, ShutdownHealthIndicator],
})
export class HealthModule {}
