/**
 * IMAP beside other servers: the same commands to each target in turn; medians, CPU seconds of the server, ratios.
 *
 *     node bench/imap.ts --target ours.json --target dovecot.json [--user u041] [--mailbox b10k] [--runs 5] [--only select,flags] [--cold]
 *                        [--fill 10000] [--max-other 2] [--lines results.jsonl]
 *
 * `--target`: files as bench/target.ts writes them; users are u001 to u050 at the target's domain. The first target is compared with
 * the best of the others. `--fill` makes the mailbox first and fills it up to this number of messages. `--cold` calls the target's hook `cold` before each run.
 * `--max-other`: runs during which other processes took more of the machine's cores than this are repeated, up to three times.
 */
import { execFileSync } from 'node:child_process'
import { appendFileSync, readFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { appendCommand, letter } from './imap/letters.ts'
import { tableOf } from './imap/report.ts'
import type { Sample } from './imap/report.ts'
import { coldScenarios, scenarios } from './imap/scenarios.ts'
import { cpuSeconds, logIn, machineSeconds, makeCold, readTarget } from './imap/target.ts'
import type { Target } from './imap/target.ts'

const { values } = parseArgs({
  options: { 'target': { type: 'string', multiple: true, default: [] }, 'user': { type: 'string', default: 'u041' }, 'mailbox': { type: 'string', default: 'b10k' }, 'runs': { type: 'string', default: '5' }, 'only': { type: 'string' }, 'cold': { type: 'boolean', default: false }, 'fill': { type: 'string' }, 'max-other': { type: 'string', default: '2' }, 'lines': { type: 'string' } },
})
const { user, mailbox, cold } = values
const files = values.target
const names = values.only?.split(',') ?? (cold ? coldScenarios : Object.keys(scenarios))
for (const name of names) if (scenarios[name] === undefined) throw new Error(`no scenario ${name}; there are: ${Object.keys(scenarios).join(', ')}`)

async function fill(target: Target, count: number): Promise<void> {
  const client = await logIn(target, user)
  await client.command(`CREATE ${mailbox}`).catch(() => undefined)
  const { lines } = await client.command(`STATUS ${mailbox} (MESSAGES)`, 'STATUS')
  for (let at = Number(/MESSAGES (\d+)/.exec(lines[0] ?? '')?.[1] ?? 0); at < count; at += 100) {
    await client.command(appendCommand(mailbox, Array.from({ length: Math.min(100, count - at) }, (_, index) => letter(at + index))))
  }
  await client.end()
}

/** One run of a scenario on one target; how many cores others took meanwhile. */
async function runOnce(file: string, name: string, run: number): Promise<{ samples: Sample[]; other: number }> {
  if (cold) makeCold(readTarget(file), user, mailbox)
  // Read anew: the hook may have started the server anew.
  const target = readTarget(file)
  const samples: Sample[] = []
  const note = (measure: string, ms: number, cpuSeconds?: number) => samples.push({ target: target.name, scenario: name, measure, ms, cpuSeconds })
  const begin = { at: performance.now(), machine: machineSeconds(), server: cpuSeconds(target), own: process.cpuUsage() }
  await scenarios[name]?.({
    target,
    user,
    mailbox,
    run,
    note,
    measure: async (measure, work) => {
      const before = cpuSeconds(target)
      const from = performance.now()
      const result = await work()
      const ms = performance.now() - from
      note(measure, ms, cpuSeconds(target) - before)
      return result
    },
  })
  const own = process.cpuUsage(begin.own)
  const others = machineSeconds() - begin.machine - (cpuSeconds(target) - begin.server) - (own.user + own.system) / 1e6
  return { samples, other: others / ((performance.now() - begin.at) / 1000) }
}

for (const file of values.fill === undefined ? [] : files) await fill(readTarget(file), Number(values.fill))
console.log(`${new Date().toISOString().slice(0, 16)}Z, ${cpus().length} cores (${cpus()[0]?.model.trim()}), load ${loadavg()[0]?.toFixed(1)}, Node ${process.version}, commit ${execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()}, ${mailbox}${cold ? ', cold' : ''}, ${values.runs} runs\n`)
const samples: Sample[] = []
const failures: string[] = []
async function runAll(name: string): Promise<void> {
  // The first run warms up and is not counted, unless it is to be cold.
  for (let run = cold ? 1 : 0; run <= Number(values.runs); run++) {
    for (const file of files) {
      let outcome = await runOnce(file, name, run)
      for (let again = 0; again < 3 && outcome.other > Number(values['max-other']); again++) outcome = await runOnce(file, name, run)
      if (run > 0) samples.push(...outcome.samples)
      if (values.lines !== undefined) for (const sample of outcome.samples) appendFileSync(values.lines, `${JSON.stringify({ ...sample, run, cold, mailbox, other: outcome.other })}\n`)
    }
  }
  console.error(`${name} done`)
}
for (const name of names) await runAll(name).catch((error: unknown) => failures.push(`${name}: ${String(error)}`))
console.log(tableOf(samples, files.map((file) => readTarget(file).name)))
if (values.lines !== undefined) console.log(`\n${readFileSync(values.lines, 'utf8').split('\n').length - 1} lines in ${values.lines}`)
for (const failure of failures) console.log(`\nfailed: ${failure}`)
