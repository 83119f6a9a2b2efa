/**
 * What of the settings is shared among environments, and what must fit into the time of one invocation.
 *
 * SQS runs at most so many environments at once (the event source's maximum concurrency, which the stacks also give as
 * PENNYPOST_ENVIRONMENTS), and each shares its connections among the notes of its batches (lib/mail/outbound/pool.ts).
 * The product is what a destination sees, without a row of the table being read or written for it.
 */
import type { Config } from '#lib/config.ts'

/** What Lambda gives an invocation at most. One that is ended by force has delivered what will be delivered again. */
const invocationMs = 15 * 60_000
/** For what comes before and after the attempt: reading the content, sending what follows. */
const marginMs = 60_000

/** @param environments as text; absent, there is but one */
export function limitDelivery(config: Config, environments: string | undefined): Config {
  const { outbound } = config
  const most = Math.max(1, Number(environments ?? 1) || 1)
  return {
    ...config,
    outbound: {
      ...outbound,
      connectionsPerDestination: Math.max(1, Math.floor(outbound.connectionsPerDestination / most)),
      // An attempt begins when the note has waited for its place.
      attemptMs: Math.min(outbound.attemptMs, invocationMs - marginMs - outbound.placeMs),
    },
  }
}
