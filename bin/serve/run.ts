/** `pennypost serve` from the first line to the last. */
import { systemClock } from '#lib/base/clock.ts'
import { errorFields, jsonSink, makeLog } from '#lib/base/log.ts'
import type { Log } from '#lib/base/log.ts'
import type { Config } from '#lib/config.ts'
import { CommandError } from '../commandError.ts'
import type { PlaceOptions } from '../options.ts'
import { openPlace } from '../place.ts'
import type { LocalPlace } from '../place.ts'
import { demandSettings } from '../settings.ts'
import { terminalSink } from '../terminal.ts'
import { greet } from './greeting.ts'
import { makeLineWriter } from './lines.ts'
import { startServer } from './server.ts'
import type { Server } from './server.ts'
import { awaitStopSignal } from './stopping.ts'

/** How this run talks: sentences on a terminal, a JSON object a line elsewhere and with --json. */
interface Voice {
  readonly forPeople: boolean
  readonly log: Log
  say(text: string): void
  flush(): void
}

function makeVoice({ json }: PlaceOptions, level: Config['server']['logLevel']): Voice {
  const lines = makeLineWriter((text) => process.stdout.write(text))
  const forPeople = process.stdout.isTTY && json !== true
  const sink = forPeople ? terminalSink(lines.write, process.stdout.hasColors()) : jsonSink(lines.write)
  return { forPeople, log: makeLog(sink, { level, now: () => Date.now() }), say: lines.write, flush: lines.flush }
}

export async function serveUntilStopped(options: PlaceOptions): Promise<void> {
  if (options.aws === true) throw new CommandError('serve is for one machine: in AWS the front of the deployment serves')
  const stopSignal = awaitStopSignal()
  const { config } = demandSettings(options, process.env)
  const voice = makeVoice(options, config.server.logLevel)
  surviveBugs(voice.log)
  const place = await openPlace(options, voice.log)
  let server: Server
  try {
    server = await startServer(place)
    await announce(voice, place, server)
  } catch (error) {
    await closePlace(place)
    voice.flush()
    throw error
  }
  voice.log.info('stopping', { signal: await stopSignal })
  const stopping = server.stop().then(() => closePlace(place))
  const done = await Promise.race([stopping.then(() => true), systemClock.sleep(config.server.stopGraceMs + closingMs).then(() => false)])
  if (!done) voice.log.warn('not-finished', { reason: 'something took longer than server.stopGraceMs; its notes stay in the queue' })
  voice.log.info('stopped')
  voice.flush()
  // A handle that something forgot must not keep a stopped server in the process list.
  process.exit(0)
}

/** After the grace of server.stopGraceMs, for closing what was cut off by it. */
const closingMs = 5000

async function closePlace({ mailStore, engine }: LocalPlace): Promise<void> {
  await mailStore.close()
  await engine.close()
}

/** What was not caught where it happened is a bug, told whole; one client's bad luck must not end the mail of all. */
function surviveBugs(log: Log): void {
  process.on('uncaughtException', (error) => log.error('bug', errorFields(error)))
  process.on('unhandledRejection', (reason) => log.error('bug', errorFields(reason)))
}

async function announce(voice: Voice, { directory, dataDirectory, config }: LocalPlace, { hostname, services, demoUsers }: Server): Promise<void> {
  if (voice.forPeople) {
    const domains = (await directory.listDomains()).map(({ name }) => name)
    return voice.say(greet({ hostname, dataDirectory, services, portOffset: config.server.portOffset, domains, demoUsers, colour: process.stdout.hasColors() }))
  }
  // No log event: the one line that says passwords, made up just now, for whoever starts this for the first time.
  if (demoUsers.length > 0) voice.say(JSON.stringify({ time: new Date().toISOString(), level: 'info', event: 'first-start', users: demoUsers }) + '\n')
  voice.log.info('serving', { hostname, data: dataDirectory, pid: process.pid, services })
}
