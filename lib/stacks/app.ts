/** The whole deployment: six stacks, in the order in which they need each other. */
import { Tags } from 'aws-cdk-lib'
import type { App } from 'aws-cdk-lib'
import type { ContainerImage } from 'aws-cdk-lib/aws-ecs'
import { DomainStack } from './domain.ts'
import { FrontStack } from './front.ts'
import type { CodeOf } from './mailFunction.ts'
import type { MailStack, Setting } from './mailStack.ts'
import { OutboundStack } from './outbound.ts'
import { PipelineStack } from './pipeline.ts'
import { StorageStack } from './storage.ts'
import { WatchStack } from './watch.ts'

export interface Sources {
  /** The code of each function. */
  readonly code: CodeOf
  readonly image: ContainerImage
}

export function addStacks(app: App, setting: Setting, { code, image }: Sources): readonly MailStack[] {
  const watch = new WatchStack(app, setting)
  const storage = new StorageStack(app, setting)
  storage.addStackDependency(watch)
  const { zone } = storage
  const pipeline = new PipelineStack(app, setting, { code, storage })
  const outbound = new OutboundStack(app, setting, { code, pipeline, zone })
  const front = new FrontStack(app, setting, { code, image, pipeline, zone })
  const domain = new DomainStack(app, setting, { zone, front })
  Tags.of(app).add('deployment', setting.choices.stack)
  return [watch, storage, pipeline, outbound, front, domain]
}
