/** Files received mail: each message of the queue `inbound` goes into its recipients' mailboxes, onward, or back. */
import { openCheckInbound } from '#lib/mail/rooms/checkInbound.ts'
import { makeBatchFunction } from '../batch.ts'
import type { BatchFunction, BatchRoom } from '../batch.ts'
import { openRooms } from '../rooms.ts'

export const makeHandler = (open: () => Promise<BatchRoom>): BatchFunction => makeBatchFunction('inbound', open)

export const handler = makeHandler(async () => {
  const { engine, voice, config, shared } = await openRooms('check-inbound', process.env)
  return { engine, voice, handle: openCheckInbound(shared), maxReceives: config.queue.maxReceives, settle: () => shared.mailStore.settle() }
})
