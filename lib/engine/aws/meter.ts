/**
 * The meter: every call to AWS passes it, each try of the SDK, and is counted by what AWS bills.
 *
 * DynamoDB says itself what it counted; the meter asks for that. It also works it out from what was sent and came back, by
 * the rules of the developer guide ("Read and write operations"), and takes the larger: a condition that fails is billed but
 * says nothing, and emulators count reads wrongly. What a call cost that never came back nobody knows; it is not counted.
 */
import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import { named } from './unavailable.ts'
import { addCounts, dollarsOf, noCounts } from './prices.ts'
import type { Counts } from './prices.ts'

const kibibyte = 1024
const chunkBytes = 64 * kibibyte

interface Call {
  readonly input: object
}

interface Done {
  readonly output: object
}

type Next = (call: Call) => Promise<Done>

/** As much of the SDK's stack as the meter needs, alike for all clients. */
interface Stack {
  readonly middlewareStack: { add(middleware: (next: Next, context: { readonly clientName?: string; readonly commandName?: string }) => Next, options: { readonly step: 'initialize' | 'finalizeRequest'; readonly name: string; readonly priority?: 'low' }): void }
}

export class Meter {
  readonly #attached = new WeakSet<object>()
  readonly #requests = new Map<string, number>()
  #counts: Counts = noCounts

  /** Counts the calls of this client from now on. */
  attach(client: object): void {
    if (this.#attached.has(client)) return
    this.#attached.add(client)
    // The clients' own types differ in what this does not look at.
    const { middlewareStack } = client as Stack
    middlewareStack.add((next, { clientName }) => async (call) => next(clientName === 'DynamoDBClient' ? { ...call, input: { ...call.input, ReturnConsumedCapacity: 'TOTAL' } } : call), { step: 'initialize', name: 'pennypostAskCapacity' })
    // Below the retries, so that each try counts.
    middlewareStack.add((next, { clientName = '', commandName = '' }) => async (call) => this.#count(next, call, `${clientName.replace('Client', '')}.${commandName.replace('Command', '')}`), { step: 'finalizeRequest', name: 'pennypostMeter', priority: 'low' })
  }

  counts(): Counts {
    return this.#counts
  }

  /** By service and operation, as `S3.PutObject`. */
  requests(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#requests].toSorted())
  }

  cents(): number {
    return dollarsOf(this.#counts) * 100
  }

  /** What is billed without a call of ours: a function's run. */
  add(counts: Partial<Counts>): void {
    this.#counts = addCounts(this.#counts, counts)
  }

  /** Begins anew. */
  reset(): void {
    this.#counts = noCounts
    this.#requests.clear()
  }

  async #count(next: Next, call: Call, operation: string): Promise<Done> {
    try {
      const done = await next(call)
      this.#take(operation, billOf(operation, call.input, done.output))
      return done
    } catch (error) {
      if (named(error, 'ConditionalCheckFailedException', 'TransactionCanceledException')) this.#take(operation, billOf(operation, call.input, {}))
      throw error
    }
  }

  #take(operation: string, counts: Partial<Counts>): void {
    this.#requests.set(operation, (this.#requests.get(operation) ?? 0) + 1)
    this.add(counts)
  }
}

type Item = Readonly<Record<string, AttributeValue>>

/** Those parts of inputs and outputs that are billed. */
interface Billed {
  readonly Key?: unknown
  readonly Item?: Item
  readonly Items?: readonly Item[]
  readonly Attributes?: Item
  readonly ConsistentRead?: boolean
  readonly TransactItems?: readonly { readonly Put?: { readonly Item?: Item }; readonly Delete?: unknown }[]
  readonly ConsumedCapacity?: { readonly CapacityUnits?: number } | readonly { readonly CapacityUnits?: number }[]
  readonly MessageBody?: string
  readonly Entries?: readonly { readonly MessageBody?: string }[]
  readonly Messages?: readonly { readonly Body?: string }[]
}

function billOf(operation: string, input: Billed, output: Billed): Partial<Counts> {
  const [service = '', command = ''] = operation.split('.')
  if (service === 'S3') return objectBill(command)
  if (service === 'SQS') return { queueChunks: Math.max(1, Math.ceil(Math.max(sentBytes(input), receivedBytes(output)) / chunkBytes)) }
  const reported = [output.ConsumedCapacity ?? []].flat().reduce((sum, { CapacityUnits = 0 }) => sum + CapacityUnits, 0)
  if (command === 'GetItem' || command === 'Query') return { readUnits: Math.max(reported, readUnits(input, output)) }
  return { writeUnits: Math.max(reported, writeUnits(input, output)) }
}

/** DELETE and the end of an upload that is given up are free. */
function objectBill(command: string): Partial<Counts> {
  if (command.startsWith('Delete') || command.startsWith('Abort')) return {}
  return command.startsWith('Get') || command.startsWith('Head') ? { objectReads: 1 } : { objectWrites: 1 }
}

function sentBytes({ MessageBody, Entries = [] }: Billed): number {
  return Buffer.byteLength(MessageBody ?? '') + Entries.reduce((sum, entry) => sum + Buffer.byteLength(entry.MessageBody ?? ''), 0)
}

function receivedBytes({ Messages = [] }: Billed): number {
  return Messages.reduce((sum, { Body = '' }) => sum + Buffer.byteLength(Body), 0)
}

function readUnits({ ConsistentRead = false }: Billed, { Item, Items = [] }: Billed): number {
  const bytes = [...(Item === undefined ? [] : [Item]), ...Items].reduce((sum, item) => sum + itemBytes(item), 0)
  return Math.max(1, Math.ceil(bytes / (4 * kibibyte))) * (ConsistentRead ? 1 : 0.5)
}

/** A transaction costs twice. What was replaced or deleted counts when it was larger; only the service knows that. */
function writeUnits({ Item, TransactItems = [] }: Billed, { Attributes }: Billed): number {
  const unitsOf = (item: Item | undefined): number => Math.max(1, Math.ceil((item === undefined ? 0 : itemBytes(item)) / kibibyte))
  if (TransactItems.length > 0) return 2 * TransactItems.reduce((sum, { Put }) => sum + unitsOf(Put?.Item), 0)
  return Math.max(unitsOf(Item), unitsOf(Attributes))
}

function itemBytes(item: Item): number {
  return Object.entries(item).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + (value.B?.length ?? Buffer.byteLength(value.S ?? '')), 0)
}
