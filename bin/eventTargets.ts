/** Where a replay sends events: the webhooks of one machine, or the bus of a deployment in AWS. */
import { systemClock } from '#lib/base/clock.ts'
import type { TakeEvents } from '#lib/mail/events/replay.ts'
import { CommandError } from './commandError.ts'
import type { Place } from './place.ts'
import { openWebhooks } from './serve/webhooks.ts'
import type { SettingFlags } from './settings.ts'

export interface EventTarget {
  readonly name: string
  readonly take: TakeEvents
}

/** @throws {CommandError} when there is none */
export async function openTargets(flags: SettingFlags, place: Place): Promise<EventTarget[]> {
  if (!('dataDirectory' in place)) return [await openBus(flags, place)]
  const webhooks = openWebhooks({ ...place, dataDirectory: String(place.dataDirectory) })
  if (webhooks.length === 0) throw new CommandError('events are sent nowhere: set events.urls, or give a URL with --set events.urls=URL')
  return webhooks.map((webhook) => ({
    name: webhook.name,
    take: async (events) => {
      const answer = await webhook.send(events, systemClock.now())
      return answer.kind === 'taken' ? undefined : answer.reply
    },
  }))
}

async function openBus(flags: SettingFlags, { config }: Place): Promise<EventTarget> {
  // Loaded when needed: the SDK takes longer than most commands.
  const [{ eventSource, makeEventBridgeClient, makeEventBus }, { namesOf }, { defaultStack }] = await Promise.all([import('#lib/engine/aws/eventBus.ts'), import('#lib/stacks/names.ts'), import('./deployment.ts')])
  const name = namesOf(flags.stack ?? defaultStack).bus
  const bus = makeEventBus({ client: makeEventBridgeClient(config.aws), bus: name, source: eventSource })
  return {
    name: `bus ${name}`,
    take: async (events) => (await bus.put(events.map((event) => ({ type: event.type, at: new Date(event.time), detail: JSON.stringify(event) }))))?.reason,
  }
}
