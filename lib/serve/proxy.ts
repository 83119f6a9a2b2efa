/** Reads the PROXY header off a socket of a trusted balancer, and leaves the client's own octets in the socket. */
import type net from 'node:net'
import { parseProxyHeader } from '#lib/formats/proxy/header.ts'
import type { ProxyHeader } from '#lib/formats/proxy/header.ts'

const headerTimeoutMs = 5000

/** Resolves with the header, or with `bad` when it is malformed, late, or the socket ends before it. */
export function readProxyHeader(socket: net.Socket): Promise<Exclude<ProxyHeader, { kind: 'more' }>> {
  return new Promise((resolve) => {
    let seen: Buffer = Buffer.alloc(0)
    const finish = (header: Exclude<ProxyHeader, { kind: 'more' }>) => {
      clearTimeout(timer)
      // `readable`, unlike `data`, leaves the socket neither flowing nor paused, as the protocol expects to find it.
      socket.off('readable', read).off('close', ended).off('end', ended)
      const rest = header.kind === 'bad' ? seen : seen.subarray(header.length)
      if (rest.length > 0) socket.unshift(rest)
      resolve(header)
    }
    const ended = () => finish({ kind: 'bad', reason: 'connection closed before the PROXY header' })
    const read = () => {
      const chunk = socket.read() as Buffer | null
      if (chunk === null) return
      seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk])
      const header = parseProxyHeader(seen)
      if (header.kind !== 'more') finish(header)
    }
    const timer = setTimeout(() => finish({ kind: 'bad', reason: 'no PROXY header in time' }), headerTimeoutMs)
    socket.on('readable', read).on('close', ended).on('end', ended)
  })
}
