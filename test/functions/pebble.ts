/** Pebble, a certificate authority for tests, with a DNS server whose records a test sets. Loopback only. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'
import { makeSelfSigned } from '#lib/serve/tls.ts'
import type { ChallengeRecords } from '../../functions/renew-certificate/renew.ts'

export const missingPebble: string | false = ['/usr/bin/pebble', '/usr/bin/pebble-challtestsrv'].every((file) => existsSync(file)) ? false : 'not installed here: pebble (test/functions/install.sh installs it as root on Debian)'

export interface Pebble {
  readonly directoryUrl: string
  readonly dns: ChallengeRecords
  stop(): Promise<void>
}

export async function startPebble(): Promise<Pebble> {
  const folder = mkdtempSync(join(tmpdir(), 'pp-pebble-'))
  const [acme, management, dns, dnsManagement] = await Promise.all([freePort(), freePort(), freePort(), freePort()])
  const { certPem, keyPem } = await makeSelfSigned('localhost')
  const files = { certificate: join(folder, 'cert.pem'), privateKey: join(folder, 'key.pem'), config: join(folder, 'pebble.json') }
  writeFileSync(files.certificate, certPem)
  writeFileSync(files.privateKey, keyPem)
  const settings = { listenAddress: `127.0.0.1:${acme}`, managementListenAddress: `127.0.0.1:${management}`, certificate: files.certificate, privateKey: files.privateKey, httpPort: 5002, tlsPort: 5001, ocspResponderURL: '', externalAccountBindingRequired: false }
  writeFileSync(files.config, JSON.stringify({ pebble: settings }))
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), certPem])
  const children = [
    spawn('pebble-challtestsrv', ['-dns01', `127.0.0.1:${dns}`, '-management', `127.0.0.1:${dnsManagement}`, '-http01', '', '-https01', '', '-tlsalpn01', ''], { stdio: 'ignore' }),
    spawn('pebble', ['-config', files.config, '-dnsserver', `127.0.0.1:${dns}`], { stdio: 'ignore', env: { ...process.env, PEBBLE_VA_NOSLEEP: '1' } }),
  ]
  await Promise.all([acme, dnsManagement].map(opened))
  const tell = async (path: string, record: object): Promise<void> => {
    const response = await fetch(`http://127.0.0.1:${dnsManagement}/${path}`, { method: 'POST', body: JSON.stringify(record) })
    if (!response.ok) throw new Error(`the DNS server answered ${response.status}`)
  }
  return {
    directoryUrl: `https://localhost:${acme}/dir`,
    dns: {
      publish: async (name, values) => {
        for (const value of values) await tell('set-txt', { host: `${name}.`, value })
      },
      remove: (name) => tell('clear-txt', { host: `${name}.` }),
    },
    stop: async () => {
      await Promise.all(children.map(endChild))
      rmSync(folder, { recursive: true })
    },
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function opened(port: number): Promise<void> {
  const { connect } = await import('node:net')
  for (let tries = 0; tries < 200; tries++) {
    const socket = connect(port, '127.0.0.1')
    const open = await Promise.race([once(socket, 'connect').then(() => true), once(socket, 'error').then(() => false)]).catch(() => false)
    socket.destroy()
    if (open) return
    await sleep(50)
  }
  throw new Error(`nobody listens on port ${port}`)
}

async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'close')
  child.kill('SIGTERM')
  await ended
}
