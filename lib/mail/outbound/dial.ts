/**
 * The only place of lib/mail that opens sockets: a wire to another server, octets in and out.
 *
 * Invariants: every wait has an end; what has come in and is not read is bounded, then the other side must wait;
 * octets that came before TLS are never read behind it; a wire that failed stays failed and says why.
 */
import net from 'node:net'
import tls from 'node:tls'

/** The connection could not be made, or is lost, or one side was silent for too long. */
export class WireError extends Error {
  override readonly name = 'WireError'
  readonly kind: 'connect' | 'lost' | 'timeout' | 'tls'

  constructor(kind: WireError['kind'], message: string) {
    super(message)
    this.kind = kind
  }
}

export interface TlsInfo {
  readonly version: string
  readonly cipher: string
  /** The certificate is of the name asked for, by an authority that is trusted. */
  readonly verified: boolean
}

export interface TlsWish {
  readonly serverName: string
  /** A certificate that cannot be verified ends the connection. */
  readonly verify: boolean
}

export interface Wire {
  readonly address: string
  /** Our end of it. */
  readonly localAddress: string
  readonly tls: TlsInfo | undefined
  /** Resolves when more may be written. @throws {WireError} */
  write(octets: Uint8Array | string, timeoutMs: number): Promise<void>
  /** The octets that have come, at least one. @throws {WireError} */
  read(timeoutMs: number): Promise<Buffer>
  /** Something has come that was not read, or the other side is gone. */
  readonly hasNews: boolean
  /** Drops what came in clear, then shakes hands. @throws {WireError} and is lost then. */
  startTls(wish: TlsWish, timeoutMs: number): Promise<void>
  /** Called once when the other side speaks or goes while nobody reads. */
  onNews(listener: () => void): void
  destroy(): void
}

export interface DialRequest {
  readonly address: string
  readonly port: number
  readonly connectMs: number
  /** TLS from the first octet on. */
  readonly implicitTls?: TlsWish
  /** Ends the attempt. The wire, once it is there, is its owner's to end. */
  readonly signal?: AbortSignal
}

/** Opens a wire. @throws {WireError} */
export type Dial = (request: DialRequest) => Promise<Wire>

/** Unread octets beyond this stop the reading: more than all replies to one group of commands. */
const unreadLimitBytes = 256 * 1024

export const dial: Dial = async ({ address, port, connectMs, implicitTls, signal }) => {
  const socket = net.connect({ host: address, port, noDelay: true, keepAlive: true })
  const giveUp = () => socket.destroy(new WireError('lost', 'closed here'))
  signal?.addEventListener('abort', giveUp)
  try {
    await settled(socket, 'connect', connectMs, 'connect', `connect to ${address} port ${port}`)
    const wire = new SocketWire(socket, address)
    if (implicitTls !== undefined) await wire.startTls(implicitTls, connectMs)
    return wire
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    signal?.removeEventListener('abort', giveUp)
  }
}

function settled(socket: net.Socket, event: 'connect' | 'secureConnect', timeoutMs: number, kind: WireError['kind'], what: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (error?: Error) => {
      clearTimeout(timer)
      socket.off(event, done).off('close', closed)
      if (error === undefined) return void resolve()
      const code = (error as NodeJS.ErrnoException).code
      reject(error instanceof WireError ? error : new WireError(kind, `${what}: ${code ?? error.message}`))
    }
    const done = () => finish()
    const closed = () => finish(new WireError(kind, `${what}: closed by the other side`))
    const timer = setTimeout(() => finish(new WireError('timeout', `${what}: no answer within ${Math.round(timeoutMs / 1000)} s`)), timeoutMs)
    // Stays for good: an error nobody hears ends the process.
    socket.on('error', finish)
    socket.once(event, done).once('close', closed)
  })
}

class SocketWire implements Wire {
  readonly address: string
  readonly #plain: net.Socket
  #socket: net.Socket
  #tls: TlsInfo | undefined
  #unread: Buffer[] = []
  #unreadBytes = 0
  #failure: WireError | undefined
  #wake: (() => void) | undefined
  #drained: (() => void) | undefined
  #news: (() => void) | undefined

  constructor(socket: net.Socket, address: string) {
    this.#plain = this.#socket = socket
    this.address = address
    this.#attach(socket)
  }

  get localAddress(): string {
    return this.#plain.localAddress ?? ''
  }

  get tls(): TlsInfo | undefined {
    return this.#tls
  }

  get hasNews(): boolean {
    return this.#unreadBytes > 0 || this.#failure !== undefined
  }

  onNews(listener: () => void): void {
    this.#news = listener
    if (this.hasNews) this.#tell()
  }

  async write(octets: Uint8Array | string, timeoutMs: number): Promise<void> {
    this.#demandAlive()
    if (this.#socket.write(octets)) return
    await this.#wait(timeoutMs, 'the other side reads nothing', (wake) => (this.#drained = wake))
    this.#demandAlive()
  }

  async read(timeoutMs: number): Promise<Buffer> {
    if (this.#unreadBytes === 0) {
      // What came before the end is read first: the last words say why.
      this.#demandAlive()
      await this.#wait(timeoutMs, 'no answer', (wake) => (this.#wake = wake))
    }
    const octets = Buffer.concat(this.#unread)
    this.#unread = []
    this.#unreadBytes = 0
    this.#pull()
    if (octets.length === 0) this.#demandAlive()
    return octets
  }

  async startTls({ serverName, verify }: TlsWish, timeoutMs: number): Promise<void> {
    const socket = this.#socket
    socket.removeAllListeners('readable').removeAllListeners('end').removeAllListeners('close').removeAllListeners('drain')
    // RFC 3207 §4.2: nothing that was said in clear is to be known behind the handshake.
    while (socket.read() !== null);
    this.#unread = []
    this.#unreadBytes = 0
    // `host` is the name that the certificate must bear. RFC 6066 §3: an address is no server name.
    const named = /^[A-Za-z0-9._-]+$/.test(serverName) && net.isIP(serverName) === 0
    const secured = tls.connect({ socket, host: serverName, ...(named ? { servername: serverName } : {}), rejectUnauthorized: verify, minVersion: 'TLSv1.2' })
    this.#socket = secured
    try {
      await settled(secured, 'secureConnect', timeoutMs, 'tls', `TLS with ${serverName}`)
    } catch (error) {
      const failure = error instanceof WireError ? error : new WireError('tls', String(error))
      this.#failure = failure
      this.destroy()
      throw failure
    }
    this.#tls = { version: secured.getProtocol() ?? 'TLS', cipher: secured.getCipher().standardName, verified: secured.authorized && tls.checkServerIdentity(serverName, secured.getPeerCertificate()) === undefined }
    this.#attach(secured)
  }

  destroy(): void {
    this.#fail(new WireError('lost', 'closed here'))
    this.#socket.destroy()
    this.#plain.destroy()
  }

  #attach(socket: net.Socket): void {
    socket.on('readable', () => this.#pull())
    socket.on('drain', () => this.#drained?.())
    socket.on('error', (error: NodeJS.ErrnoException) => this.#fail(new WireError('lost', `connection lost: ${error.code ?? error.message}`)))
    socket.on('end', () => this.#fail(new WireError('lost', 'the other side closed the connection')))
    socket.on('close', () => this.#fail(new WireError('lost', 'the connection is closed')))
  }

  #pull(): void {
    while (this.#unreadBytes < unreadLimitBytes) {
      const chunk = this.#socket.read() as Buffer | null
      if (chunk === null) break
      this.#unread.push(chunk)
      this.#unreadBytes += chunk.length
    }
    if (this.#unreadBytes > 0) this.#tell()
  }

  #fail(failure: WireError): void {
    this.#failure ??= failure
    this.#drained?.()
    this.#tell()
  }

  #demandAlive(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  #tell(): void {
    this.#wake?.()
    const listener = this.#news
    this.#news = undefined
    listener?.()
  }

  async #wait(timeoutMs: number, what: string, hold: (wake: () => void) => void): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new WireError('timeout', `${what} within ${Math.round(timeoutMs / 1000)} s`)), timeoutMs)
      hold(() => {
        clearTimeout(timer)
        this.#wake = this.#drained = undefined
        resolve()
      })
    })
  }
}
