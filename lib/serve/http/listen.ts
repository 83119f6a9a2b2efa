/** HTTP for those who watch the server: GET /health and GET /metrics. */
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { errorFields } from '#lib/base/log.ts'
import type { Log } from '#lib/base/log.ts'
import type { Clock } from '#lib/base/clock.ts'
import type { Metrics } from '#lib/base/metrics.ts'
import { Door } from '#lib/serve/door.ts'
import type { TlsKeeper } from '#lib/serve/tls.ts'

export interface HttpDeps {
  readonly metrics: Metrics
  readonly proxyTrusted: readonly string[]
  readonly tls: TlsKeeper | undefined
  readonly clock: Clock
  readonly log: Log
}

export interface HttpListenOptions {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  readonly implicitTls: boolean
}

const maxConnections = 500
const requestTimeoutMs = 30_000

/** Resolves when connections are taken. Rejects when the port cannot be had. */
export async function listenHttp(deps: HttpDeps, { host, port, implicitTls }: HttpListenOptions): Promise<{ port: number; connections(): number; stop(graceMs: number): Promise<void> }> {
  const web = http.createServer({ requestTimeout: requestTimeoutMs, headersTimeout: requestTimeoutMs }, (request, response) => answer(deps, request, response))
  web.on('clientError', (_error, socket) => socket.destroy())
  const door = new Door(
    { protocol: 'http', implicitTls, tls: deps.tls, proxyTrusted: deps.proxyTrusted, maxConnections, maxConnectionsPerAddress: 0, busyLine: 'HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n', log: deps.log, clock: deps.clock },
    (connection) => {
      // A request being answered when the server stops is finished by the grace of the door.
      connection.onDrain = () => web.closeIdleConnections()
      web.emit('connection', connection.stream)
    },
  )
  const server = net.createServer((socket) => door.admit(socket))
  server.listen(port, host)
  await once(server, 'listening')
  return {
    port: (server.address() as net.AddressInfo).port,
    connections: () => door.size,
    stop: async (graceMs) => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      await door.drain(graceMs)
      web.close()
      await closed
    },
  }
}

function answer(deps: HttpDeps, request: http.IncomingMessage, response: http.ServerResponse): void {
  const path = (request.url ?? '').split('?', 1)[0]
  const get = request.method === 'GET' || request.method === 'HEAD'
  request.resume()
  try {
    if (get && path === '/health') send(response, 200, 'application/json', '{"status":"ok"}\n')
    else if (get && path === '/metrics') send(response, 200, 'text/plain; version=0.0.4; charset=utf-8', deps.metrics.text())
    else send(response, 404, 'text/plain; charset=utf-8', 'There is nothing here.\n')
  } catch (error) {
    deps.log.error('http-failed', { path, ...errorFields(error) })
    if (!response.headersSent) send(response, 500, 'text/plain; charset=utf-8', 'Something went wrong.\n')
  }
}

function send(response: http.ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body), 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' })
  response.end(body)
}
