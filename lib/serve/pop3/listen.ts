/** The POP3 port: 110 with STLS, 995 under TLS from the first octet (RFC 8314 §3.2). */
import { once } from 'node:events'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { Door } from '../door.ts'
import { serveConnection } from './connection.ts'
import type { Pop3Deps } from './deps.ts'

export interface Pop3ListenOptions {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  readonly implicitTls: boolean
}

export interface Listener {
  readonly port: number
  connections(): number
  /** Takes no new connections, lets commands in hand finish for `graceMs`, then ends what is left. */
  stop(graceMs: number): Promise<void>
}

/** Resolves when connections are taken. Rejects when the port cannot be had. */
export async function listenPop3(deps: Pop3Deps, { host, port, implicitTls }: Pop3ListenOptions): Promise<Listener> {
  const { maxConnections, maxConnectionsPerAddress } = deps.settings
  const sessions = new Set<Promise<void>>()
  const door = new Door(
    {
      protocol: 'pop3',
      implicitTls,
      tls: deps.tls,
      proxyTrusted: deps.proxyTrusted,
      maxConnections,
      maxConnectionsPerAddress,
      // RFC 3206 §4
      busyLine: '-ERR [SYS/TEMP] Too many connections, try again later',
      log: deps.log,
      clock: deps.clock,
    },
    (connection) => {
      const session = serveConnection(deps, connection).finally(() => sessions.delete(session))
      sessions.add(session)
    },
  )
  deps.metrics.gauge('pennypost_pop3_connections', 'Connections open now.', () => door.size, { listener: implicitTls ? 'pop3s' : 'pop3' })
  // Half-open: a client may send all it has, close its side and still read our answers.
  const server = net.createServer({ allowHalfOpen: true }, (socket) => door.admit(socket))
  server.listen(port, host)
  await once(server, 'listening')
  return {
    // A listening TCP server has an address of this shape.
    port: (server.address() as AddressInfo).port,
    connections: () => door.size,
    stop: async (graceMs) => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      await door.drain(graceMs)
      await closed
      // Maildrops are given back before the engine is closed.
      await Promise.all(sessions)
    },
  }
}
