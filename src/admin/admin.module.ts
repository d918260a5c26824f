import { Module } from '@nestjs/common';
import { makeCounterProvider } from '@willsoto/nestjs-prometheus';
import { ModelRegistryModule } from '../model-registry/model-registry.module.js';
import { AdminController } from './admin.controller.js';
import { AdminService } from './admin.service.js';
import { AdminTokenGuard } from './admin-token.guard.js';

@Module({
  imports: [ModelRegistryModule],
  controllers: [AdminController],
  providers: [
    AdminService,
    AdminTokenGuard,
    makeCounterProvider({
      name: 'admin_auth_failures_total',
      help: 'Requests to /admin without the right token.',
    }),
  ],
})
export class AdminModule {}
