/**
 * Tells EventBridge what happens to mail: entries of account logs, as the table's stream brings them, become events.
 *
 * Invariants: entries of one account come in their order and go on in it; from the first one that could not be told the
 * stream begins again, so that none is missed, and some come twice with the same id. Reads PENNYPOST_BUS, and `events.types`
 * of PENNYPOST_SETTINGS. May: events:PutEvents on the bus, and read the stream.
 */
import type { Context, DynamoDBBatchResponse } from 'aws-lambda'
import { demandConfigText } from '#lib/configFile.ts'
import { eventSource, makeEventBridgeClient, makeEventBus } from '#lib/engine/aws/eventBus.ts'
import type { StreamRecord } from '#lib/engine/aws/stream.ts'
import { demandVariable } from '../environment.ts'
import { once } from '../once.ts'
import { openVoice } from '../voice.ts'
import type { Voice } from '../voice.ts'
import { tellRecords } from './tell.ts'
import type { TellDeps } from './tell.ts'

export type RecordFunction = (event: { readonly Records: readonly StreamRecord[] }, context: Context) => Promise<DynamoDBBatchResponse>

export function makeHandler(open: () => Promise<TellDeps & { readonly voice: Voice }>): RecordFunction {
  const opened = once(open)
  return async ({ Records }, context) => {
    const { voice, ...deps } = await opened()
    voice.begin(context)
    try {
      const failed = await tellRecords(deps, Records)
      return { batchItemFailures: failed === undefined ? [] : [{ itemIdentifier: failed.dynamodb?.SequenceNumber ?? '' }] }
    } finally {
      voice.end()
    }
  }
}

export const handler = makeHandler(async () => {
  const config = demandConfigText(process.env['PENNYPOST_SETTINGS'] ?? '', 'PENNYPOST_SETTINGS')
  const voice = openVoice('record-events', config.server.logLevel)
  const bus = makeEventBus({ client: makeEventBridgeClient(config.aws), bus: demandVariable(process.env, 'PENNYPOST_BUS'), source: eventSource })
  return { bus, types: config.events.types, voice, log: voice.log }
})
