import type { Log } from '#lib/base/log.ts'
import type { Zone } from '../zone.ts'
import type { Service, Tasks } from './tasks.ts'

export interface FollowDeps {
  readonly log: Log
  readonly tasks: Tasks
  readonly zone: Pick<Zone, 'upsert'>
  readonly hostname: string
}

/** Clients ask again after a minute, so a new front is found that soon. */
const ttlSeconds = 60
/** A load balancer's record may stand beside ours, when the front was made so later (lib/stacks/frontHa.ts): then ours counts no more. */
const weighted = { id: 'task', weight: 0 }

/** While one task takes over from another, both are named. When there is none, the name stays where it was: a client that waits tries again. */
export async function followFront({ log, tasks, zone, hostname }: FollowDeps, service: Service): Promise<void> {
  const addresses = await tasks.addresses(service)
  if (addresses.length === 0) return log.warn('front-away', { hostname, service: service.service })
  await zone.upsert({ name: hostname, type: 'A', ttlSeconds, weighted, values: [...addresses].sort() })
  log.info('front-moved', { hostname, addresses })
}
