/**
 * The front on AWS: the doors alone. What comes in goes into the queues, which functions consume.
 *
 * Invariants: the front keeps nothing of its own; when `stop` resolves, no session is open and what was accepted is durable.
 */
import { randomBytes } from 'node:crypto'
import { systemClock } from '#lib/base/clock.ts'
import type { Log } from '#lib/base/log.ts'
import type { Config } from '#lib/config.ts'
import { makeAwsClients } from '#lib/engine/aws/clients.ts'
import { readAwsNames } from '#lib/engine/aws/environment.ts'
import type { Environment } from '#lib/engine/aws/environment.ts'
import { openAwsEngine } from '#lib/engine/aws/open.ts'
import { tlsObjects } from '#lib/engine/aws/tlsObjects.ts'
import { startSweeper } from '#lib/mail/mailbox/sweeper.ts'
import { openReception } from '#lib/mail/rooms/reception.ts'
import { shareRooms } from '#lib/mail/rooms/shared.ts'
import { openStores } from '#lib/mail/rooms/stores.ts'
import { doorDeps, openDoors } from '#lib/serve/doors.ts'
import type { Service } from '#lib/serve/doors.ts'
import { openCertificate } from './certificate.ts'

export interface Front {
  readonly services: readonly Service[]
  stop(): Promise<void>
}

/** @throws {Error} for variables that are missing and ports that cannot be had */
export async function openFront(environment: Environment, config: Config, log: Log): Promise<Front> {
  const { hostname } = config.server
  if (hostname === '') throw new Error('PENNYPOST_SETTINGS lacks server.hostname: a task has no name of its own')
  const common = { clock: systemClock, log, config }
  const clients = makeAwsClients(config.aws)
  const names = { ...readAwsNames(environment), bellQueue: `${environment['PENNYPOST_BELLS'] ?? 'pennypost-bell-'}${randomBytes(8).toString('hex')}` }
  const engine = await openAwsEngine({ ...common, clients, names, settings: { ...config.engine, ...config.aws } })
  const stores = openStores({ ...common, engine })
  const shared = shareRooms({ ...common, ...stores, engine, hostname })
  const certificate = await openCertificate({ objects: tlsObjects(clients.s3, names.bucket), hostname, lookEveryMs: config.tls.lookEveryMs, clock: systemClock, log })
  const doors = await openDoors(doorDeps(shared, openReception(shared), certificate.keeper), config.server)
  const sweeper = startSweeper({ table: engine.table, clock: systemClock, log, settings: config.mailbox, store: stores.mailStore, accountIds: async () => (await stores.directory.listUsers()).map(({ id }) => id) })
  const stop = async (): Promise<void> => {
    certificate.stop()
    await Promise.all([doors.stop(config.server.stopGraceMs), sweeper.stop()])
    await stores.mailStore.close()
    await engine.close()
  }
  return { services: doors.services, stop }
}
