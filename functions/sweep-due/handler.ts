/** Once a minute: what is due soon goes from the table to its queue, and dead letters go where `pennypost queue` shows them. */
import type { Context } from 'aws-lambda'
import type { AwsEngine } from '#lib/engine/aws/engine.ts'
import { once } from '../once.ts'
import { openRooms } from '../rooms.ts'
import type { Voice } from '../voice.ts'

export interface SweepRoom {
  readonly engine: Pick<AwsEngine, 'sweepDue'>
  readonly voice: Voice
}

/** Before the time of the invocation is over. What is left waits for the next minute. */
const marginMs = 5000

export function makeHandler(open: () => Promise<SweepRoom>): (event: unknown, context: Context) => Promise<void> {
  const opened = once(open)
  return async (_event, context) => {
    const { engine, voice } = await opened()
    voice.begin(context)
    try {
      const { sent, dead, more } = await engine.sweepDue(Date.now() + context.getRemainingTimeInMillis() - marginMs)
      if (dead > 0) voice.log.warn('died', { notes: dead })
      if (more) voice.log.warn('sweep-unfinished', { sent })
      else if (sent > 0) voice.log.info('swept', { sent })
    } finally {
      voice.end()
    }
  }
}

export const handler = makeHandler(() => openRooms('sweep-due', process.env))
