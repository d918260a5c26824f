import { Module } from '@nestjs/common';
import { makeCounterProvider } from '@willsoto/nestjs-prometheus';
import { ModelRegistryModule } from '../model-registry/model-registry.module.js';
import { WebhookController } from './webhook.controller.js';

@Module({
  imports: [ModelRegistryModule],
  controllers: [WebhookController],
  providers: [
    makeCounterProvider({
      name: 'webhook_deliveries_total',
      help: "Deliveries of MLflow's webhook: accepted, duplicate, forged or stale.",
      labelNames: ['result'],
    }),
  ],
})
export class WebhookModule {}
