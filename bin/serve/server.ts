/**
 * The whole system in one process: doors in front, the pipeline behind.
 *
 * Invariants: doors open before anything is made for a newcomer, so that a start that fails has made no password that
 * nobody was shown; when `stop` resolves, no note is in hand and no session is open.
 */
import { hostname as machineName } from 'node:os'
import { systemClock } from '#lib/base/clock.ts'
import { startSweeper } from '#lib/mail/mailbox/sweeper.ts'
import { startTransitSweep } from '#lib/mail/transit/strays.ts'
import { startPipeline } from '#lib/mail/pipeline.ts'
import type { Service } from '#lib/serve/doors.ts'
import type { LocalPlace } from '../place.ts'
import { openCertificate } from './certificate.ts'
import type { Certificate } from './certificate.ts'
import { makeDemo } from './demo.ts'
import type { DemoUser } from './demo.ts'
import { openListeners } from './listeners.ts'
import { openRooms } from './rooms.ts'
import { openWebhooks, startSenders } from './webhooks.ts'

export interface Server {
  readonly hostname: string
  readonly services: readonly Service[]
  /** Made by this start, which was the first; else nobody. */
  readonly demoUsers: readonly DemoUser[]
  stop(): Promise<void>
}

/** @throws {CommandError} when a port or the certificate cannot be had; the place stays open, it is the caller's */
export async function startServer(place: LocalPlace): Promise<Server> {
  const { config, dataDirectory, log } = place
  const hostname = config.server.hostname || machineName()
  const certificate = await openCertificate({ dataDirectory, settings: config.tls, hostname, log })
  try {
    return await startBehind(place, hostname, certificate)
  } catch (error) {
    certificate.stop()
    throw error
  }
}

async function startBehind(place: LocalPlace, hostname: string, certificate: Certificate): Promise<Server> {
  const { config, engine, directory, mailStore, log } = place
  const rooms = openRooms(place, hostname, certificate.keeper)
  const webhooks = openWebhooks(place)
  const doors = await openListeners(rooms.doors, config.server)
  const demoUsers = await makeDemo(place)
  const pipeline = startPipeline(engine.queue, config.queue, rooms.handlers)
  const sweeper = startSweeper({ table: engine.table, clock: systemClock, log, settings: config.mailbox, store: mailStore, accountIds: async () => (await directory.listUsers()).map(({ id }) => id) })
  const transitSweep = startTransitSweep({ ...engine, clock: systemClock, log, afterMs: config.queue.straysAfterMs })
  const senders = startSenders(place, webhooks)
  const stop = async (): Promise<void> => {
    certificate.stop()
    const graceMs = config.server.stopGraceMs
    await Promise.all([doors.stop(graceMs), finish(pipeline.stop(), () => rooms.closeDelivery(), graceMs), sweeper.stop(), transitSweep.stop(), senders.stop()])
  }
  return { hostname, services: doors.services, demoUsers, stop }
}

/** Notes in hand are finished; a remote host that takes longer than the grace is hung up on, and its notes stay queued. */
async function finish(stopping: Promise<void>, closeDelivery: () => Promise<void>, graceMs: number): Promise<void> {
  const late = new AbortController()
  await Promise.race([stopping, systemClock.sleep(graceMs, late.signal)])
  late.abort()
  await closeDelivery()
  await stopping
}
