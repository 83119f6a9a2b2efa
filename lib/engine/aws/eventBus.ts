/**
 * Puts what happened on an EventBridge bus.
 *
 * Invariants: calls are within the service's limits (ten entries, 256 KB in all: EventBridge API reference, PutEvents);
 * entries go in their order, and after one that the bus did not take no later call is made; what was not taken is said by
 * its place. Knows nothing of mail: an entry is a type and a JSON text.
 */
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge'
import type { ClientOptions } from './clients.ts'

export interface BusEntry {
  readonly type: string
  readonly at: Date
  /** JSON, of an object. */
  readonly detail: string
}

export interface EventBus {
  /** The place of the first entry that was not taken, and why; undefined when all were. Rejects when the bus cannot be reached. */
  put(entries: readonly BusEntry[]): Promise<Untaken | undefined>
}

export interface Untaken {
  readonly place: number
  readonly reason: string
}

export interface EventBusOptions {
  readonly client: EventBridgeClient
  /** Name or ARN. */
  readonly bus: string
  /** Who says so, for rules that listen. */
  readonly source: string
}

/** What rules listen to. */
export const eventSource = 'pennypost'

const mostEntries = 10
/** Below the limit, which counts octets of JSON that the service adds. */
const mostBytes = 240 * 1024

export function makeEventBridgeClient({ region, endpoint, credentials, tries, timeoutMs }: Omit<ClientOptions, 'pollMs'>): EventBridgeClient {
  return new EventBridgeClient({
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
    maxAttempts: tries,
    requestHandler: { connectionTimeout: 3000, requestTimeout: timeoutMs, throwOnRequestTimeout: true },
  })
}

export function makeEventBus({ client, bus, source }: EventBusOptions): EventBus {
  return {
    async put(entries) {
      for (const { first, call } of callsOf(entries)) {
        const { Entries = [], FailedEntryCount = 0 } = await client.send(new PutEventsCommand({ Entries: call.map(({ type, at, detail }) => ({ EventBusName: bus, Source: source, DetailType: type, Time: at, Detail: detail })) }))
        if (FailedEntryCount === 0) continue
        const failed = Entries.findIndex(({ ErrorCode }) => ErrorCode !== undefined)
        // A count without a name: none of the call is believed.
        const { ErrorCode = 'unknown', ErrorMessage = '' } = Entries[failed] ?? {}
        return { place: first + Math.max(0, failed), reason: `${ErrorCode} ${ErrorMessage}`.trim() }
      }
      return undefined
    },
  }
}

function callsOf(entries: readonly BusEntry[]): { first: number; call: BusEntry[] }[] {
  const calls: { first: number; call: BusEntry[] }[] = []
  let bytes = Infinity
  for (const [at, entry] of entries.entries()) {
    const more = Buffer.byteLength(entry.detail) + 200
    const last = calls.at(-1)
    if (last !== undefined && last.call.length < mostEntries && bytes + more <= mostBytes) {
      last.call.push(entry)
      bytes += more
    } else {
      calls.push({ first: at, call: [entry] })
      bytes = more
    }
  }
  return calls
}
