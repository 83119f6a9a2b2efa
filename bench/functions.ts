/**
 * Each function as it is shipped: the size of its bundle, how long a new environment takes to load it and to do its first
 * work, how long a warm one takes, and its memory. A process of its own for each, against an emulated account on loopback.
 * By hand: node bench/functions.ts
 */
import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { SQSEvent } from 'aws-lambda'
import { systemClock } from '#lib/base/clock.ts'
import { makeLog } from '#lib/base/log.ts'
import { demandConfigText } from '#lib/configFile.ts'
import { tlsObjects } from '#lib/engine/aws/tlsObjects.ts'
import type { QueueName } from '#lib/engine/ports.ts'
import { joinPem } from '#lib/formats/certificate/pem.ts'
import { openReception } from '#lib/mail/rooms/reception.ts'
import { shareRooms } from '#lib/mail/rooms/shared.ts'
import { openStores } from '#lib/mail/rooms/stores.ts'
import { newQueueId } from '#lib/mail/transit/queueId.ts'
import { makeSelfSigned } from '#lib/serve/tls.ts'
import { bundleFront, bundleFunction } from '../bin/bundle.ts'
import { mxData, startFakeDns, types } from '../test/base/fakeDns.ts'
import { FrontProcess } from '../test/containers/frontProcess.ts'
import { makeAccount } from '../test/engine/aws/account.ts'
import { startEmulator } from '../test/engine/aws/emulators.ts'
import { environmentOf, forget, receive } from '../test/functions/mailAccount.ts'
import { freeOffset } from '../test/journey/harness.ts'
import { startObedientServer } from '../test/mail/outbound/obedientServer.ts'

/** Runs in the function's process: loads the bundle, hands over one event after the other, tells what that took. */
const runner = `
const events = JSON.parse(await new Promise((resolve) => { let text = ''; process.stdin.on('data', (chunk) => text += chunk).on('end', () => resolve(text)) }))
const context = { awsRequestId: 'bench', getRemainingTimeInMillis: () => 60000 }
const began = performance.now()
const { handler } = await import(process.argv[1])
const loadMs = performance.now() - began
const ms = []
let failed = 0
for (const event of events) { const at = performance.now(); const answer = await handler(event, context); ms.push(performance.now() - at); failed += answer?.batchItemFailures?.length ?? 0 }
const { rss } = process.memoryUsage()
process.stderr.write(JSON.stringify({ loadMs, ms, rss, failed }))
process.exit(0)`

interface Run {
  readonly loadMs: number
  readonly ms: readonly number[]
  readonly rss: number
  readonly failed: number
}

async function runBundle(file: string, environment: Readonly<Record<string, string>>, events: readonly unknown[]): Promise<Run> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', runner, file], { env: environment, stdio: ['pipe', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  child.stdin.end(JSON.stringify(events))
  await new Promise((resolve) => child.once('close', resolve))
  return JSON.parse(said) as Run
}

const singles = 6
const batches = 5
const body = 'All work and no play makes Jack a dull boy. '.repeat(230).replaceAll(/(.{70})/g, '$1\r\n')

const moto = await startEmulator('moto')
if (typeof moto === 'string') throw new Error(moto)
const folder = mkdtempSync(join(tmpdir(), 'pp-bench-'))
chmodSync(folder, 0o755)
const account = await makeAccount(moto.endpoint)
const remote = await startObedientServer()
const dns = await startFakeDns({ 'remote.test 15': { records: [{ type: types.mx, ttl: 60, data: mxData(10, 'mx.remote.test') }] }, 'mx.remote.test 1': { records: [{ type: types.a, ttl: 60, data: Buffer.from([127, 0, 0, 1]) }] } })
const settings = { 'server.hostname': 'mail.ours.test', 'dns.servers': `127.0.0.1:${dns.port}`, 'outbound.port': String(remote.port), 'outbound.allowLoopback': 'yes' }
const environment: Readonly<Record<string, string>> = { ...environmentOf(moto.endpoint, account.names, settings), PENNYPOST_ZONE: 'Z1', PENNYPOST_ACME_DIRECTORY: 'https://127.0.0.1:1/dir' }
const engine = await account.open()
const system = { engine, config: demandConfigText(environment['PENNYPOST_SETTINGS'] ?? '', 'settings'), clock: systemClock, log: makeLog(() => undefined, { now: () => 0 }) }
const stores = openStores(system)
const reception = openReception(shareRooms({ ...system, ...stores, hostname: 'mail.ours.test' }))
await stores.directory.addDomain({ name: 'ours.test' })
const alice = await stores.directory.addUser({ address: 'alice@ours.test', password: 'correct horse battery staple' })
await stores.mailStore.createAccount(alice.id)
await tlsObjects(account.clients.s3, account.names.bucket).write('certificate.pem', joinPem(await makeSelfSigned('mail.ours.test')))

const arriving = (from: string, to: string) => ({
  queueId: newQueueId(Date.now()),
  envelope: { mailFrom: from, recipients: [{ address: to }] },
  client: { address: '127.0.0.1', hello: 'client.test' },
  headerPrefix: 'Received: from client.test by mail.ours.test; Wed, 25 Nov 2026 20:00:00 +0000\r\n',
  content: (async function* () {
    yield Buffer.from(`From: ${from}\r\nTo: ${to}\r\nSubject: Bench\r\n\r\n${body}\r\n`)
  })(),
})

/** So many messages into the queue, and out of it as events of one, then of ten. */
async function take(queue: QueueName, send: () => Promise<unknown>): Promise<SQSEvent[]> {
  const events: SQSEvent[] = []
  for (const size of [...Array<number>(singles).fill(1), ...Array<number>(batches).fill(10)]) {
    for (let n = 0; n < size; n++) await send()
    const event = await receive(account.clients, account.names, queue)
    await forget(account.clients, account.names, queue, event)
    events.push(event)
  }
  return events
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
const row = (name: string, cells: readonly (string | number)[]): void => console.log(`| ${[name, ...cells].join(' | ')} |`)

async function bench(verb: string, events: readonly unknown[]): Promise<void> {
  const bundle = await bundleFunction(verb, join(folder, verb))
  const runs: Run[] = []
  for (let n = 0; n < 3; n++) runs.push(await runBundle(bundle.file, environment, n === 0 ? events : events.slice(0, 1)))
  const [whole] = runs
  if (whole === undefined || whole.failed > 0) throw new Error(`${verb} failed`)
  const first = median(runs.map(({ ms }) => ms[0] ?? 0))
  const tens = whole.ms.slice(singles)
  const or = (text: string, there: boolean): string => (there ? text : '-')
  row(verb, [
    `${Math.round(bundle.sizeBytes / 1024)} KiB`,
    `${Math.round(gzipSync(readFileSync(bundle.file)).length / 1024)} KiB`,
    `${Math.round(median(runs.map(({ loadMs }) => loadMs)))} ms`,
    or(`${Math.round(first)} ms`, events.length > 0),
    or(`${Math.round(median(whole.ms.slice(1, singles)))} ms`, events.length > 1),
    or(`${Math.round(median(tens))} ms`, tens.length > 0),
    `${Math.round(whole.rss / 1024 ** 2)} MiB`,
  ])
}

/** From the start of the process to doors open, and its memory then. */
async function benchFront(): Promise<void> {
  const made = await bundleFront(join(folder, 'front'))
  const began = performance.now()
  const front = new FrontProcess(made.file, join(folder, 'task'), { ...environment, PENNYPOST_SETTINGS: `${environment['PENNYPOST_SETTINGS'] ?? ''}\nserver.listen = 127.0.0.1\nserver.portOffset = ${await freeOffset()}` })
  await front.event('serving')
  const readyMs = performance.now() - began
  const [, kib] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${front.pid ?? 'self'}/status`, 'utf8')) ?? []
  await front.stop()
  row('front (until it serves)', [`${Math.round(made.sizeBytes / 1024)} KiB`, `${Math.round(gzipSync(readFileSync(made.file)).length / 1024)} KiB`, `${Math.round(readyMs)} ms`, '-', '-', '-', `${Math.round(Number(kib) / 1024)} MiB`])
}

try {
  console.log('| function | bundle | packed | load | first | one, warm | ten, warm | memory |\n|---|---|---|---|---|---|---|---|')
  await bench('check-inbound', await take('inbound', () => reception.accept(arriving('someone@remote.test', 'alice@ours.test'))))
  const submitted = await take('outbound', () => reception.submit({ ...arriving('alice@ours.test', 'friend@remote.test'), account: alice }))
  await bench('look-up-mx', submitted)
  // What look-up-mx has sent on, in events of the same sizes.
  const routed: SQSEvent[] = []
  for (const { Records } of submitted) routed.push(await receive(account.clients, account.names, 'delivery', Records.length))
  await bench('deliver-outbound', routed.filter(({ Records }) => Records.length > 0))
  await bench('sweep-due', Array<object>(singles).fill({}))
  await bench('renew-certificate', Array<object>(singles).fill({}))
  await bench('follow-front', [])
  await benchFront()
} finally {
  await stores.mailStore.close()
  await engine.close()
  dns.close()
  await remote.close()
  await moto.stop()
  rmSync(folder, { recursive: true })
}
