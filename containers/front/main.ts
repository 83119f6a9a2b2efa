/** The front's process from the first line to the last. ECS gives it 120 seconds from SIGTERM to its end. */
import { setTimeout as sleep } from 'node:timers/promises'
import { errorFields, jsonSink, makeLog } from '#lib/base/log.ts'
import { demandConfigText } from '#lib/configFile.ts'
import { makeLineWriter } from '../../bin/serve/lines.ts'
import { awaitStopSignal } from '../../bin/serve/stopping.ts'
import { openFront } from './front.ts'

/** What a task wants otherwise than a machine; PENNYPOST_SETTINGS comes after it and wins. */
const ofTask = ['server.listen = 0.0.0.0', 'server.stopGraceMs = 100s', 'tls.lookEveryMs = 1h'].join('\n')
/** For closing what the grace has cut off; together with it at most 110 s. */
const closingMs = 5000

const stopSignal = awaitStopSignal()
const lines = makeLineWriter((text) => process.stdout.write(text))
const config = demandConfigText(process.env['PENNYPOST_SETTINGS'] ?? '', 'PENNYPOST_SETTINGS', ofTask)
const log = makeLog(jsonSink(lines.write), { level: config.server.logLevel, now: () => Date.now() })
// What was not caught where it happened is a bug, told whole; one client's bad luck must not end the mail of all.
process.on('uncaughtException', (error) => log.error('bug', errorFields(error)))
process.on('unhandledRejection', (reason) => log.error('bug', errorFields(reason)))

try {
  const front = await openFront(process.env, config, log)
  log.info('serving', { hostname: config.server.hostname, services: front.services })
  log.info('stopping', { signal: await stopSignal })
  const done = await Promise.race([front.stop().then(() => true), sleep(config.server.stopGraceMs + closingMs).then(() => false)])
  if (!done) log.warn('not-finished', { reason: 'something took longer than server.stopGraceMs' })
  log.info('stopped')
  lines.flush()
  process.exit(0)
} catch (error) {
  log.error('not-serving', errorFields(error))
  lines.flush()
  process.exit(1)
}
