import { Module } from '@nestjs/common';
import { ModelRegistryModule } from '../model-registry/model-registry.module.js';
import { MetaController } from './meta.controller.js';

@Module({ imports: [ModelRegistryModule], controllers: [MetaController] })
export class MetaModule {}
