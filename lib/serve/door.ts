/**
 * The door: what every listener shares, before a protocol says its first word.
 *
 * Invariants: a socket is counted from the moment its client's address is known until it closes; a protocol never
 * sees a socket whose PROXY header or TLS handshake failed; no socket error goes unheard; after `drain` no socket is left.
 * serve/X/listen.ts makes the net.Server and hands each socket to `admit`.
 */
import { randomBytes } from 'node:crypto'
import type net from 'node:net'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'
import { makeAddressSet } from '#lib/base/addressSet.ts'
import type { Clock } from '#lib/base/clock.ts'
import { limitKey, normalizeIp } from '#lib/base/ip.ts'
import { errorFields } from '#lib/base/log.ts'
import type { Log } from '#lib/base/log.ts'
import type { LoginChannel } from '#lib/mail/accounts/channel.ts'
import { openChannel } from './channel.ts'
import { readProxyHeader } from './proxy.ts'
import type { TlsKeeper } from './tls.ts'

export interface DoorOptions {
  readonly protocol: 'smtp' | 'imap' | 'pop3' | 'http'
  readonly implicitTls: boolean
  readonly tls: TlsKeeper | undefined
  /** Addresses and CIDR ranges whose PROXY header is demanded and believed. */
  readonly proxyTrusted: readonly string[]
  /** 0: no limit. */
  readonly maxConnections: number
  /** Per IPv4 address or IPv6 /64; 0: no limit. */
  readonly maxConnectionsPerAddress: number
  /** Written to a client who is turned away, before TLS only; without CRLF. */
  readonly busyLine: string
  readonly log: Log
  readonly clock: Clock
}

export interface Connection {
  /** For logs. */
  readonly id: string
  /** The client's, in its one spelling; IPv4-mapped addresses are IPv4. */
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localPort: number
  readonly secure: boolean
  tlsInfo(): { version: string; cipher: string } | undefined
  /** For logins; undefined without TLS. */
  readonly channel: LoginChannel | undefined
  /** The current stream: replaced by `startTls`. Its errors are heard by the door; it is followed by `onClose`. */
  readonly stream: Duplex
  /**
   * Call in the same tick as the write of the go-ahead. What the client sent before is dropped, listeners for `data` are
   * taken off the old stream; put new ones on `stream` when it resolves. Rejects (and closes) when the handshake fails.
   */
  startTls(): Promise<void>
  /** Called when the server stops: finish what is in hand, say goodbye, close. Without it the connection is closed at once. */
  onDrain: (() => void) | undefined
  /** Called once, when the connection is over, whoever ended it. */
  onClose: (() => void) | undefined
  /** Sends what was written, then closes; for good after a few seconds even when the client does not read. */
  close(): void
  /** Closes at once. */
  destroy(): void
}

const handshakeTimeoutMs = 30_000
const lingerMs = 5000

export class Door {
  readonly #options: DoorOptions
  readonly #onConnection: (connection: Connection) => void
  readonly #trusted: (address: string) => boolean
  readonly #connections = new Set<DoorConnection>()
  readonly #perAddress = new Map<string, number>()
  /** Sockets not yet counted: PROXY header awaited. */
  readonly #waiting = new Set<net.Socket>()
  #draining = false
  #emptied: (() => void) | undefined

  constructor(options: DoorOptions, onConnection: (connection: Connection) => void) {
    this.#options = options
    this.#onConnection = onConnection
    this.#trusted = makeAddressSet(options.proxyTrusted)
  }

  get size(): number {
    return this.#connections.size
  }

  admit(socket: net.Socket): void {
    const peer = normalizeIp(socket.remoteAddress ?? '')
    socket.setNoDelay(true)
    socket.setKeepAlive(true, 60_000)
    socket.on('error', (error) => this.#options.log.debug('socket-error', { client: peer, ...errorFields(error) }))
    if (peer === '' || this.#draining) socket.destroy()
    else if (this.#trusted(peer)) void this.#admitProxied(socket, peer)
    else this.#enter(socket, peer, socket.remotePort ?? 0, socket.localPort ?? 0)
  }

  async #admitProxied(socket: net.Socket, peer: string): Promise<void> {
    const limit = this.#options.maxConnections
    if (limit > 0 && this.#waiting.size >= limit) return void socket.destroy()
    this.#waiting.add(socket)
    const header = await readProxyHeader(socket)
    this.#waiting.delete(socket)
    if (header.kind === 'bad' || this.#draining) {
      if (header.kind === 'bad') this.#options.log.warn('proxy-refused', { proxy: peer, reason: header.reason })
      socket.destroy()
    } else if (header.kind === 'local') this.#enter(socket, peer, socket.remotePort ?? 0, socket.localPort ?? 0)
    else this.#enter(socket, header.client.address, header.client.port, header.server.port)
  }

  #enter(socket: net.Socket, remoteAddress: string, remotePort: number, localPort: number): void {
    const key = limitKey(remoteAddress)
    const refusal = this.#refusal(key)
    if (refusal !== undefined) return this.#turnAway(socket, remoteAddress, refusal)
    const connection = new DoorConnection(socket, { remoteAddress, remotePort, localPort, tls: this.#options.tls })
    this.#connections.add(connection)
    this.#perAddress.set(key, (this.#perAddress.get(key) ?? 0) + 1)
    socket.once('close', () => this.#left(connection, key))
    if (!this.#options.implicitTls) return this.#hand(connection)
    connection.secureStream('keep').then(
      () => this.#hand(connection),
      (error: unknown) => this.#options.log.info('tls-failed', { protocol: this.#options.protocol, client: remoteAddress, ...reason(error) }),
    )
  }

  #hand(connection: DoorConnection): void {
    if (this.#draining) return connection.destroy()
    try {
      this.#onConnection(connection)
    } catch (error) {
      this.#options.log.error('connection-failed', { protocol: this.#options.protocol, client: connection.remoteAddress, ...errorFields(error) })
      connection.destroy()
    }
  }

  #refusal(key: string): string | undefined {
    const { maxConnections, maxConnectionsPerAddress } = this.#options
    if (maxConnections > 0 && this.#connections.size >= maxConnections) return 'too many connections'
    if (maxConnectionsPerAddress > 0 && (this.#perAddress.get(key) ?? 0) >= maxConnectionsPerAddress) return 'too many connections from this address'
    return undefined
  }

  #turnAway(socket: net.Socket, client: string, why: string): void {
    this.#options.log.info('connection-refused', { protocol: this.#options.protocol, client, reason: why })
    if (this.#options.implicitTls) return void socket.destroy()
    socket.resume()
    socket.end(`${this.#options.busyLine}\r\n`, () => socket.destroySoon())
    setTimeout(() => socket.destroy(), lingerMs).unref()
  }

  #left(connection: DoorConnection, key: string): void {
    this.#connections.delete(connection)
    const left = (this.#perAddress.get(key) ?? 1) - 1
    if (left === 0) this.#perAddress.delete(key)
    else this.#perAddress.set(key, left)
    if (this.#connections.size === 0) this.#emptied?.()
    connection.closed()
  }

  /** Tells every connection, waits for them up to `graceMs`, then destroys what is left. */
  async drain(graceMs: number): Promise<void> {
    this.#draining = true
    for (const socket of this.#waiting) socket.destroy()
    for (const connection of [...this.#connections]) {
      if (connection.onDrain === undefined) connection.close()
      else connection.onDrain()
    }
    if (this.#connections.size === 0) return
    const empty = new Promise<void>((resolve) => (this.#emptied = resolve))
    const late = new AbortController()
    await Promise.race([empty, this.#options.clock.sleep(graceMs, late.signal)])
    late.abort()
    if (this.#connections.size === 0) return
    for (const connection of [...this.#connections]) connection.destroy()
    await empty
  }
}

function reason(error: unknown): { reason: string } {
  return { reason: error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : String(error) }
}

interface Ends {
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localPort: number
  readonly tls: TlsKeeper | undefined
}

class DoorConnection implements Connection {
  readonly id = randomBytes(5).toString('hex')
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localPort: number
  onDrain: (() => void) | undefined
  onClose: (() => void) | undefined
  readonly #socket: net.Socket
  readonly #tls: TlsKeeper | undefined
  #secured: tls.TLSSocket | undefined
  #info: { version: string; cipher: string } | undefined
  #channel: LoginChannel | undefined
  #linger: NodeJS.Timeout | undefined
  #over = false

  constructor(socket: net.Socket, ends: Ends) {
    this.#socket = socket
    this.#tls = ends.tls
    this.remoteAddress = ends.remoteAddress
    this.remotePort = ends.remotePort
    this.localPort = ends.localPort
  }

  get stream(): Duplex {
    return this.#secured ?? this.#socket
  }

  get secure(): boolean {
    return this.#secured !== undefined
  }

  tlsInfo(): { version: string; cipher: string } | undefined {
    return this.#info
  }

  get channel(): LoginChannel | undefined {
    return this.#channel
  }

  startTls(): Promise<void> {
    return this.secureStream('drop')
  }

  /** `buffered`: what has come in already. On an implicit TLS port it is the handshake itself, and stays. */
  async secureStream(buffered: 'drop' | 'keep'): Promise<void> {
    const keeper = this.#tls
    if (keeper === undefined || this.#secured !== undefined) throw new Error('TLS is not to be had on this connection')
    const socket = this.#socket
    socket.removeAllListeners('data')
    socket.pause()
    // Octets sent in clear before the handshake must never be read as if they had come through it. RFC 3207 §4.2
    if (buffered === 'drop') while (socket.read() !== null);
    const secured = new tls.TLSSocket(socket, { isServer: true, secureContext: keeper.context(), requestCert: keeper.asksForClient, rejectUnauthorized: false })
    secured.on('error', () => socket.destroy())
    try {
      await handshake(secured, socket)
    } catch (error) {
      socket.destroy()
      throw error
    }
    this.#secured = secured
    this.#channel = openChannel(secured, keeper.asksForClient)
    this.#info = { version: secured.getProtocol() ?? 'TLS', cipher: secured.getCipher().standardName }
  }

  close(): void {
    this.stream.end()
    // The rest of what the client sends is read and thrown away, or the kernel would reset and lose our last words.
    this.stream.resume()
    this.#linger ??= setTimeout(() => this.#socket.destroy(), lingerMs)
  }

  destroy(): void {
    this.#secured?.destroy()
    this.#socket.destroy()
  }

  closed(): void {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#linger)
    this.#secured?.destroy()
    this.onClose?.()
  }
}

function handshake(secured: tls.TLSSocket, socket: net.Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => finish(new Error('TLS handshake took too long')), handshakeTimeoutMs)
    const closed = () => finish(new Error('connection closed during the TLS handshake'))
    const finish = (error?: Error) => {
      clearTimeout(timer)
      secured.off('secure', done).off('error', finish)
      socket.off('close', closed)
      if (error === undefined) resolve()
      else reject(error)
    }
    const done = () => finish()
    secured.on('secure', done).on('error', finish)
    socket.on('close', closed)
  })
}
