/**
 * Without a load balancer the front's task has a public address of its own, a new one each time: its name follows it.
 *
 * Called with each state change of a task of the front's service ("ECS Task State Change"). Events may come late, twice
 * or out of order, so an event only says that something happened; where the front is, ECS and EC2 are asked.
 * Reads PENNYPOST_ZONE and `server.hostname` of PENNYPOST_SETTINGS. May: ecs:ListTasks, ecs:DescribeTasks,
 * ec2:DescribeNetworkInterfaces, and change the A record of the hostname.
 */
import type { Context, EventBridgeEvent } from 'aws-lambda'
import { systemClock } from '#lib/base/clock.ts'
import { demandConfigText } from '#lib/configFile.ts'
import { demandVariable, readCredentials } from '../environment.ts'
import { once } from '../once.ts'
import { makeSignedCall } from '#lib/engine/aws/signedCall.ts'
import { openVoice } from '../voice.ts'
import type { Voice } from '../voice.ts'
import { makeZone } from '../zone.ts'
import { followFront } from './follow.ts'
import type { FollowDeps } from './follow.ts'
import { makeTasks } from './tasks.ts'

/** What matters here of the event's detail (Amazon ECS Developer Guide, "Task state change events"). */
export interface TaskStateChange {
  readonly clusterArn: string
  /** `service:NAME` */
  readonly group: string
  readonly lastStatus: string
}

export type TaskEvent = Pick<EventBridgeEvent<'ECS Task State Change', TaskStateChange>, 'detail'>

export function makeHandler(open: () => Promise<FollowDeps & { readonly voice: Voice }>): (event: TaskEvent, context: Context) => Promise<void> {
  const opened = once(open)
  return async ({ detail }, context) => {
    const { voice, ...deps } = await opened()
    voice.begin(context)
    try {
      await followFront(deps, { cluster: detail.clusterArn, service: detail.group.replace(/^service:/, '') })
    } finally {
      voice.end()
    }
  }
}

export const handler = makeHandler(async () => {
  const { server } = demandConfigText(process.env['PENNYPOST_SETTINGS'] ?? '', 'PENNYPOST_SETTINGS')
  const voice = openVoice('follow-front', server.logLevel)
  const { region, ...credentials } = readCredentials(process.env)
  const call = makeSignedCall(credentials)
  return { voice, log: voice.log, hostname: server.hostname, tasks: makeTasks({ call, region }), zone: makeZone({ call, clock: systemClock, zoneId: demandVariable(process.env, 'PENNYPOST_ZONE') }) }
})
