/**
 * The emulators of AWS that suites run against: installed from PyPI into a cache outside the checkout, started on a free port of
 * loopback, stopped by who started them. Where they cannot be had, the suites say why and skip.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '#lib/base/clock.ts'

const packages = {
  moto: { version: '5.2.5', requirement: 'moto[server]==5.2.5' },
  ministack: { version: '1.5.33', requirement: 'ministack==1.5.33' },
} as const
export type EmulatorName = keyof typeof packages

export interface Emulator {
  readonly endpoint: string
  readonly port: number
  stop(): Promise<void>
}

const installMs = 8 * 60_000
const startMs = 60_000

/** The reason why it cannot be had, as text. */
export async function startEmulator(name: EmulatorName, environment: Readonly<Record<string, string>> = {}): Promise<Emulator | string> {
  const place = await install(name)
  if ('reason' in place) return place.reason
  const port = await freePort()
  const directory = await mkdtemp(join(tmpdir(), `pennypost-${name}-`))
  const command = name === 'moto' ? ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)] : ['-m', 'ministack']
  const own = { GATEWAY_PORT: String(port), BIND_HOST: '127.0.0.1', SFTP_ENABLED: '0', IOT_MTLS_ENABLED: '0', LAMBDA_EXECUTOR: 'local', PYTHONUNBUFFERED: '1' }
  const child = spawn(join(place.directory, 'bin/python'), command, { cwd: directory, env: { ...process.env, ...own, ...environment }, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2000)))
  // A suite that ends without having stopped it neither waits for it nor leaves it behind.
  child.unref()
  ;(child.stderr as Socket).unref()
  process.once('exit', () => child.kill('SIGKILL'))
  const stop = async (): Promise<void> => {
    await end(child)
    await rm(directory, { recursive: true, force: true })
  }
  const endpoint = `http://127.0.0.1:${port}`
  for (const until = Date.now() + startMs; Date.now() < until; await systemClock.sleep(50)) {
    if (child.exitCode !== null) break
    if (await answers(endpoint)) return { endpoint, port, stop }
  }
  await stop()
  throw new Error(`${name} does not start: ${said}`)
}

async function answers(endpoint: string): Promise<boolean> {
  try {
    await (await fetch(endpoint)).arrayBuffer()
    return true
  } catch {
    return false
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  // Now somebody does wait for it.
  child.ref()
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const late = new AbortController()
  await Promise.race([gone, systemClock.sleep(3000, late.signal).then(() => child.kill('SIGKILL'))])
  late.abort()
  await gone
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** One process installs, others wait for it. */
async function install(name: EmulatorName): Promise<{ readonly directory: string } | { readonly reason: string }> {
  const { version, requirement } = packages[name]
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'pennypost-test')
  const directory = join(cache, `${name}-${version}`)
  const lock = `${directory}.lock`
  for (const until = Date.now() + installMs; ; await systemClock.sleep(500)) {
    if (existsSync(join(directory, 'ready'))) return { directory }
    try {
      await mkdir(cache, { recursive: true })
      await mkdir(lock)
      break
    } catch {
      const { mtimeMs } = await stat(lock).catch(() => ({ mtimeMs: Date.now() }))
      if (mtimeMs + installMs < Date.now()) await rm(lock, { recursive: true, force: true })
      if (Date.now() > until) return { reason: `${name} is being installed by another process that does not finish` }
    }
  }
  try {
    return await installInto(directory, name, requirement)
  } finally {
    await rm(lock, { recursive: true, force: true })
  }
}

async function installInto(directory: string, name: string, requirement: string): Promise<{ readonly directory: string } | { readonly reason: string }> {
  process.stderr.write(`installing ${requirement} into ${directory}\n`)
  await rm(directory, { recursive: true, force: true })
  let made = await run('python3', ['-m', 'venv', directory])
  if (made !== undefined && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    // Debian keeps venv in a package of its own.
    await run('apt-get', ['update', '-q'])
    await run('apt-get', ['install', '-y', '-q', '--no-install-recommends', 'python3-venv'])
    made = await run('python3', ['-m', 'venv', directory])
  }
  if (made !== undefined) return { reason: `${name} needs python3 with venv: ${made}` }
  const failed = await run(join(directory, 'bin/python'), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', requirement])
  if (failed !== undefined) return { reason: `${name} cannot be installed from PyPI: ${failed}` }
  await writeFile(join(directory, 'ready'), '')
  return { directory }
}

/** What it said when it failed. */
async function run(program: string, parameters: readonly string[]): Promise<string | undefined> {
  const child = spawn(program, parameters, { stdio: ['ignore', 'ignore', 'pipe'], timeout: installMs })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-500)))
  return await new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code) => resolve(code === 0 ? undefined : said || `${program} ended with ${code ?? 'a signal'}`))
  })
}
