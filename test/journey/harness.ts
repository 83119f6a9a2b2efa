/** What every journey needs: our server as a child process, the command line, a DNS server, Postfix, and real clients. Loopback only. */
import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('../..', import.meta.url))
const program = join(root, 'bin/pennypost.ts')
const execute = promisify(execFile)

/** Without the settings of whoever runs the tests, and without the variables of the tests themselves. */
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PENNYPOST_')))

export const password = 'correct horse battery staple'

/** Why a journey cannot run here, or false when it can. */
export function missing(...programs: string[]): string | false {
  const lacking = notInstalled(...programs)
  if (lacking !== false) return lacking
  if (process.getuid?.() !== 0) return 'needs root, for Postfix and port 25 on loopback'
  return false
}

/** The same for a journey that does not need root. */
export function notInstalled(...programs: string[]): string | false {
  const lacking = programs.filter((name) => !['/usr/bin', '/usr/sbin', '/bin', '/sbin'].some((folder) => existsSync(join(folder, name))))
  return lacking.length > 0 && `not installed here: ${lacking.join(', ')} (test/journey/install.sh installs it as root on Debian)`
}

/** A directory that goes away with the test, and things to end before that, last one first. */
export class Stage {
  readonly directory = mkdtempSync(join(tmpdir(), 'pp-'))
  readonly #endings: (() => Promise<void>)[] = []

  path(...names: string[]): string {
    return join(this.directory, ...names)
  }

  onEnd(ending: () => Promise<void>): void {
    this.#endings.push(ending)
  }

  async end(): Promise<void> {
    for (const ending of this.#endings.reverse()) await ending()
    rmSync(this.directory, { recursive: true, force: true })
  }
}

export interface Finished {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end; a code other than 0 throws unless it is expected. */
export async function run(command: string, parameters: readonly string[], options: { input?: string | Buffer; mayFail?: boolean; timeoutMs?: number; env?: NodeJS.ProcessEnv } = {}): Promise<Finished> {
  const running = execute(command, parameters, { timeout: options.timeoutMs ?? 60_000, maxBuffer: 256 * 1024 * 1024, encoding: 'latin1', env: { ...environment, ...options.env } })
  running.child.stdin?.on('error', () => undefined)
  running.child.stdin?.end(options.input ?? '')
  try {
    return { code: 0, ...(await running) }
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { code?: number | string; stdout?: string; stderr?: string }
    if (options.mayFail === true && typeof code === 'number') return { code, stdout, stderr }
    throw new Error(`${command} ${parameters.join(' ')} failed (${String(code)})\n${stdout}\n${stderr}`)
  }
}

/** Waits until the question gives an answer. */
export async function eventually<T>(what: string, question: () => Promise<T | undefined | false> | T | undefined | false, timeoutMs = 20_000): Promise<T> {
  const end = Date.now() + timeoutMs
  for (;;) {
    const answer = await question()
    if (answer !== undefined && answer !== false) return answer
    if (Date.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what}`)
    await sleep(50)
  }
}

/** A port offset whose eight ports are free on 127.0.0.1. */
export async function freeOffset(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const offset = 20_000 + Math.floor(Math.random() * 200) * 100
    const free = await Promise.all([25, 587, 465, 143, 993, 110, 995, 80].map((port) => isFree(offset + port)))
    if (free.every(Boolean)) return offset
  }
  throw new Error('no free ports')
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })

export interface LogLine {
  readonly event: string
  readonly [field: string]: unknown
}

export class Pennypost {
  readonly data: string
  readonly offset: number
  readonly events: LogLine[] = []
  readonly #parameters: readonly string[]
  #child: ChildProcess | undefined
  #stderr = ''

  constructor(data: string, offset: number, parameters: readonly string[]) {
    this.data = data
    this.offset = offset
    this.#parameters = parameters
  }

  get pid(): number {
    const pid = this.#child?.pid
    if (pid === undefined) throw new Error('not running')
    return pid
  }

  port(standard: number): number {
    return this.offset + standard
  }

  async start(): Promise<void> {
    const before = this.events.length
    const child = spawn(process.execPath, [program, 'serve', '--data', this.data, '--listen', '127.0.0.1', '--port-offset', String(this.offset), ...this.#parameters], { cwd: root, env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    createInterface({ input: child.stdout }).on('line', (line) => this.events.push(JSON.parse(line) as LogLine))
    child.stderr.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()))
    await eventually('pennypost serves', () => {
      if (child.exitCode !== null) throw new Error(`pennypost ended: ${this.#stderr}`)
      return this.events.slice(before).some((line) => line.event === 'serving')
    })
  }

  /** SIGTERM: drains and ends by itself. Returns its exit code. */
  async stop(): Promise<number | null> {
    return await this.#end('SIGTERM')
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null
    const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)))
    child.kill(signal)
    return await ended
  }

  async cli(...parameters: string[]): Promise<Finished> {
    return await run(process.execPath, [program, ...parameters, '--data', this.data])
  }

  async addUser(address: string, ...more: string[]): Promise<void> {
    await run(process.execPath, [program, 'user', 'add', address, '--password-stdin', ...more, '--data', this.data], { input: password + '\n' })
  }

  /** Waits for a log line and returns it. */
  async event(event: string, matches: (line: LogLine) => boolean = () => true, timeoutMs = 20_000): Promise<LogLine> {
    return await eventually(`log line ${event}`, () => this.events.find((line) => line.event === event && matches(line)), timeoutMs)
  }
}

export interface ServerOptions {
  readonly domain?: string
  readonly users?: readonly string[]
  readonly dnsPort?: number
  readonly settings?: readonly string[]
  readonly hostname?: string
}

/** A server of its own for a domain with users, all with the same password. */
export async function startServer(stage: Stage, options: ServerOptions = {}): Promise<Pennypost> {
  const domain = options.domain ?? 'ours.test'
  const parameters = ['--hostname', options.hostname ?? `mx.${domain}`, ...(options.dnsPort === undefined ? ['--set', 'inbound.checks=no'] : ['--dns', `127.0.0.1:${options.dnsPort}`]), ...(options.settings ?? []).flatMap((setting) => ['--set', setting])]
  const server = new Pennypost(stage.path(`data-${domain}`), await freeOffset(), parameters)
  await server.cli('domain', 'add', domain)
  for (const user of options.users ?? ['alice', 'bob']) await server.addUser(`${user}@${domain}`)
  stage.onEnd(async () => void (await server.stop()))
  await server.start()
  return server
}

/** dnsmasq with these lines (`host-record=`, `mx-host=`, `txt-record=`), on a free loopback port. Everything else is NXDOMAIN. */
export async function startDns(stage: Stage, lines: readonly string[]): Promise<number> {
  const port = 15_300 + Math.floor(Math.random() * 2000)
  const configuration = stage.path(`dnsmasq-${port}.conf`)
  writeFileSync(configuration, [`port=${port}`, 'listen-address=127.0.0.1', 'bind-interfaces', 'no-resolv', 'no-hosts', 'keep-in-foreground', 'user=root', 'local=/#/', ...lines, ''].join('\n'))
  const child = spawn('dnsmasq', ['-C', configuration, '--pid-file'], { stdio: ['ignore', 'ignore', 'pipe'] })
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  stage.onEnd(() => endChild(child))
  await sleep(300)
  if (child.exitCode !== null) throw new Error(`dnsmasq ended: ${stderr}`)
  return port
}

export async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('close', resolve))
  child.kill('SIGTERM')
  await ended
}

export interface PostfixOptions {
  readonly address: string
  readonly hostname: string
  /** Domain and users whose mail is put into Maildirs. */
  readonly domain?: string
  readonly users?: readonly string[]
  readonly settings?: Readonly<Record<string, string>>
}

export interface Postfix {
  readonly configuration: string
  /** The Maildir of a user. */
  maildir(user: string): string
  sendmail(from: string, to: readonly string[], message: string): Promise<void>
}

/** A Postfix instance of its own on port 25 of a loopback address. */
export async function startPostfix(stage: Stage, options: PostfixOptions): Promise<Postfix> {
  const home = stage.path(`postfix-${options.hostname}`)
  const [configuration, mail] = [join(home, 'etc'), join(home, 'mail')]
  for (const folder of [configuration, join(home, 'queue'), join(home, 'state'), mail]) mkdirSync(folder, { recursive: true })
  await run('chmod', ['755', stage.directory, home, configuration])
  await run('chown', ['postfix', join(home, 'state')])
  await run('chown', ['nobody', mail])
  const users = options.users ?? []
  const main: Record<string, string> = {
    compatibility_level: '3.6',
    queue_directory: join(home, 'queue'),
    data_directory: join(home, 'state'),
    command_directory: '/usr/sbin',
    daemon_directory: '/usr/lib/postfix/sbin',
    mail_owner: 'postfix',
    setgid_group: 'postdrop',
    maillog_file: join(home, 'log'),
    maillog_file_prefixes: home,
    // The service binds its own loopback address (master.cf); here Postfix demands one that the interface is configured with.
    inet_interfaces: 'loopback-only',
    inet_protocols: 'ipv4',
    myhostname: options.hostname,
    mydestination: '',
    mynetworks: '127.0.0.0/8',
    smtp_bind_address: options.address,
    alias_maps: '',
    virtual_mailbox_domains: options.domain ?? '',
    virtual_mailbox_base: mail,
    virtual_mailbox_maps: `inline:{ ${users.map((user) => `{ ${user}@${options.domain ?? ''} = ${user}/ }`).join(', ')} }`,
    virtual_minimum_uid: '1',
    virtual_uid_maps: 'static:65534',
    virtual_gid_maps: 'static:65534',
    minimal_backoff_time: '5s',
    queue_run_delay: '5s',
    in_flow_delay: '0',
    smtpd_relay_restrictions: 'permit_mynetworks, reject_unauth_destination',
    ...options.settings,
  }
  if (users.length === 0) main['virtual_mailbox_maps'] = ''
  writeFileSync(join(configuration, 'main.cf'), Object.entries(main).map(([name, value]) => `${name} = ${value}\n`).join(''))
  writeFileSync(join(configuration, 'master.cf'), masterServices(options.address))
  await run('postfix', ['-c', configuration, 'start'])
  stage.onEnd(async () => void (await run('postfix', ['-c', configuration, 'stop'], { mayFail: true })))
  return {
    configuration,
    maildir: (user) => join(mail, user),
    sendmail: async (from, to, message) => void (await run('sendmail', ['-C', configuration, '-i', '-f', from, ...to], { input: message })),
  }
}

function masterServices(address: string): string {
  const services = [
    `${address}:25 inet n - n - - smtpd`,
    'pickup unix n - n 1 1 pickup',
    'cleanup unix n - n - 0 cleanup',
    'qmgr unix n - n 5 1 qmgr',
    'rewrite unix - - n - - trivial-rewrite',
    'bounce unix - - n - 0 bounce',
    'defer unix - - n - 0 bounce',
    'trace unix - - n - 0 bounce',
    'verify unix - - n - 1 verify',
    'flush unix n - n 1000? 0 flush',
    'smtp unix - - n - - smtp',
    'relay unix - - n - - smtp',
    'showq unix n - n - - showq',
    'error unix - - n - - error',
    'retry unix - - n - - error',
    'discard unix - - n - - discard',
    'virtual unix - n n - - virtual',
    'anvil unix - - n - 1 anvil',
    'scache unix - - n - 1 scache',
    'tlsmgr unix - - n 1000? 1 tlsmgr',
    'proxymap unix - - n - - proxymap',
    'postlog unix-dgram n - n - 1 postlogd',
  ]
  return services.join('\n') + '\n'
}

/** curl against one of our ports, over TLS with whatever certificate is there. */
export async function curl(url: string, user: string | undefined, ...more: string[]): Promise<Finished> {
  return await run('curl', ['-sS', '-k', '--max-time', '30', ...(user === undefined ? [] : ['--user', `${user}:${password}`]), url, ...more])
}

export function message(fields: { from: string; to: string; subject: string; body?: string; more?: string }): string {
  return `From: ${fields.from}\r\nTo: ${fields.to}\r\nSubject: ${fields.subject}\r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\nMessage-ID: <${Math.random().toString(36).slice(2)}@${fields.from.split('@')[1] ?? 'x'}>\r\n${fields.more ?? ''}\r\n${fields.body ?? 'Hello.'}\r\n`
}
