/** Routes outgoing mail: each message of the queue `outbound` is split by destination into notes of the queue `delivery`. */
import { makeLookUpMx } from '#lib/mail/outbound/lookUpMx.ts'
import { makeBatchFunction } from '../batch.ts'
import type { BatchFunction, BatchRoom } from '../batch.ts'
import { openRooms } from '../rooms.ts'

export const makeHandler = (open: () => Promise<BatchRoom>): BatchFunction => makeBatchFunction('outbound', open)

export const handler = makeHandler(async () => {
  const { engine, voice, config, shared } = await openRooms('look-up-mx', process.env)
  return { engine, voice, handle: makeLookUpMx(shared), maxReceives: config.queue.maxReceives, settle: async () => undefined }
})
