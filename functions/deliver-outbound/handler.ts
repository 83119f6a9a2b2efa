/**
 * Delivers: one attempt for each note of the queue `delivery`, those of a batch side by side.
 *
 * Invariant: over all environments, at most `outbound.connectionsPerDestination` connections to one destination, or one
 * for each environment when there may be more of these than that; an attempt is over before its invocation is (limits.ts).
 */
import { makeDeliverOutbound } from '#lib/mail/outbound/deliverOutbound.ts'
import { makeBatchFunction } from '../batch.ts'
import type { BatchFunction, BatchRoom } from '../batch.ts'
import { openRooms } from '../rooms.ts'
import { limitDelivery } from './limits.ts'

export const makeHandler = (open: () => Promise<BatchRoom>): BatchFunction => makeBatchFunction('delivery', open)

export const handler = makeHandler(async () => {
  const { engine, voice, config, shared } = await openRooms('deliver-outbound', process.env, (settings) => limitDelivery(settings, process.env['PENNYPOST_ENVIRONMENTS']))
  const delivery = makeDeliverOutbound(shared)
  return { engine, voice, handle: delivery.handle, maxReceives: config.queue.maxReceives, settle: async () => undefined }
})
