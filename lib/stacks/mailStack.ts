/**
 * What every stack here is built on.
 *
 * Invariants: zones are fixed, nothing is looked up; what another stack made is meant by its name (names.ts) and not by
 * an export, so that stacks can change without waiting for one another; their order is said by dependencies.
 */
import { Stack } from 'aws-cdk-lib'
import type { StackProps } from 'aws-cdk-lib'
import { RegionInfo } from 'aws-cdk-lib/region-info'
import type { QueueName } from '#lib/engine/ports.ts'
import type { Construct } from 'constructs'
import type { Choices } from './choices.ts'
import { namesOf } from './names.ts'
import type { FunctionVerb, Names } from './names.ts'

export interface Setting {
  readonly choices: Choices
  readonly env: { readonly account?: string; readonly region: string }
}

export abstract class MailStack extends Stack {
  readonly choices: Choices
  readonly names: Names
  readonly #zones: string[]

  constructor(scope: Construct, part: string, { choices, env }: Setting, props: StackProps) {
    super(scope, `${choices.stack}-${part}`, { env, ...props })
    this.choices = choices
    this.names = namesOf(choices.stack)
    this.#zones = choices.zones.split(',').map((letter) => env.region + letter)
  }

  override get availabilityZones(): string[] {
    return this.#zones
  }
}

/** Names with region and account around them. */
export class Places {
  readonly #stack: MailStack

  constructor(stack: MailStack) {
    this.#stack = stack
  }

  /** That of the storage stack, unless a restored one takes its place. */
  get tableName(): string {
    return this.#stack.choices.table || this.#stack.names.table
  }

  get table(): string {
    return this.#arn('dynamodb', `table/${this.tableName}`)
  }

  get bucketName(): string {
    return this.#stack.names.bucket(this.#stack.account, this.#stack.region)
  }

  get bucket(): string {
    return `arn:${this.#stack.partition}:s3:::${this.bucketName}`
  }

  queue(name: QueueName): string {
    return this.#arn('sqs', this.#stack.names.queue(name))
  }

  deadLetters(name: QueueName): string {
    return this.#arn('sqs', this.#stack.names.deadLetters(name))
  }

  get bells(): string {
    return this.#arn('sqs', `${this.#stack.names.bells}*`)
  }

  queueUrl(name: string): string {
    return `https://sqs.${this.#stack.region}.${RegionInfo.get(this.#stack.region).domainSuffix ?? 'amazonaws.com'}/${this.#stack.account}/${name}`
  }

  function(verb: FunctionVerb): string {
    return this.#arn('lambda', `function:${this.#stack.names.function(verb)}`)
  }

  get topic(): string {
    return this.#arn('sns', this.#stack.names.topic)
  }

  get bus(): string {
    return this.#arn('events', `event-bus/${this.#stack.names.bus}`)
  }

  #arn(service: string, resource: string): string {
    return `arn:${this.#stack.partition}:${service}:${this.#stack.region}:${this.#stack.account}:${resource}`
  }
}
