/** The doors of the server, with a sentence for a person when one cannot be opened. */
import { realpathSync } from 'node:fs'
import type { Config } from '#lib/config.ts'
import { ListenError, openDoors } from '#lib/serve/doors.ts'
import type { DoorDeps, Doors } from '#lib/serve/doors.ts'
import { CommandError } from '../commandError.ts'

/** @throws {CommandError} when a port cannot be had; then none is open */
export async function openListeners(deps: DoorDeps, settings: Config['server']): Promise<Doors> {
  try {
    return await openDoors(deps, settings)
  } catch (error) {
    throw error instanceof ListenError ? listenRefusal(error.cause, error.service, error.host, error.port) : error
  }
}

/** A sentence about a port that cannot be had; anything else comes back as it is. */
export function listenRefusal(error: unknown, service: string, host: string, port: number): unknown {
  const wanted = `${service} cannot listen on ${host} port ${port}`
  const why: Record<string, string> = {
    EADDRINUSE: 'another program listens there (perhaps another "pennypost serve"). Stop it, or choose other ports with --port-offset.',
    EACCES: `ports below 1024 need root or CAP_NET_BIND_SERVICE. Start it as root, or allow it once with "sudo setcap cap_net_bind_service=+ep ${realpathSync(process.execPath)}", or choose higher ports with --port-offset 2000.`,
    EADDRNOTAVAIL: 'this machine has no such address. Name one of its own with --listen; 0.0.0.0 or :: mean all of them.',
    ENOTFOUND: 'there is no such address. Name one with --listen; 0.0.0.0 or :: mean all of them.',
    ERR_SOCKET_BAD_PORT: 'there is no such port. Choose a smaller --port-offset.',
  }
  const sentence = why[(error as NodeJS.ErrnoException).code ?? '']
  return sentence === undefined ? error : new CommandError(`${wanted}: ${sentence}`)
}
