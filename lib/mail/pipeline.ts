/**
 * The way of a message through the queues, on one machine: the same handlers that run as functions elsewhere,
 * each on its queue. Called by entry points; stopping finishes what is in hand.
 */
import { portLimits } from '#lib/engine/ports.ts'
import type { ConsumeOptions, Consumer, NoteHandler, Queue, QueueName } from '#lib/engine/ports.ts'
import type { Config } from '#lib/config.ts'

export interface PipelineHandlers {
  readonly checkInbound: NoteHandler
  readonly lookUpMx: NoteHandler
  readonly deliverOutbound: NoteHandler
}

export function startPipeline(queue: Queue, settings: Config['queue'], handlers: PipelineHandlers): { stop(): Promise<void> } {
  const start = (name: QueueName, batchNotes: number, concurrency: number, handler: NoteHandler, gatherMs = 0): Consumer => {
    const options: ConsumeOptions = { batchNotes, concurrency, visibilityMs: settings.visibilityMs, maxReceives: settings.maxReceives, gatherMs }
    return queue.consume(name, options, handler)
  }
  const consumers = [
    start('inbound', portLimits.batchNotes, settings.inboundAtOnce, handlers.checkInbound, settings.gatherMs),
    start('outbound', portLimits.batchNotes, settings.outboundAtOnce, handlers.lookUpMx),
    // One by one: a batch is answered when its slowest note is, and remote hosts may take minutes.
    start('delivery', 1, settings.deliveryAtOnce, handlers.deliverOutbound),
  ]
  return { stop: async () => void (await Promise.all(consumers.map((consumer) => consumer.stop()))) }
}
