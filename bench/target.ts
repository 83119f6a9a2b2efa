/**
 * Starts a server of ours for load tools and writes the target file they read: domain bench.test, users u001 to u050, one password.
 * It ends on SIGTERM or after --max-seconds, and takes its data directory away; one named by `--data` is kept, and used again when it is there.
 * SIGHUP (the target's hook `cold`) starts the server anew with the same data.
 *
 *     node bench/target.ts target.json [--offset 22000] [--max-seconds 3600] [--checks HOST:PORT] [--data DIR]
 *
 * `--checks` names a DNS server and switches SPF, DKIM and DMARC on; without it they are off, as in the peers compared with.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openPlace } from '../bin/place.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { offset: { type: 'string', default: '22000' }, 'max-seconds': { type: 'string', default: '3600' }, checks: { type: 'string' }, data: { type: 'string' }, set: { type: 'string', multiple: true, default: [] }, profile: { type: 'boolean', default: false } },
})
const [file] = positionals
if (file === undefined) throw new Error('usage: node bench/target.ts target.json')
const targetFile = resolve(file)

const data = values.data ?? mkdtempSync(join(tmpdir(), 'pp-bench-'))
const fresh = values.data === undefined || !existsSync(data)
const users = Array.from({ length: 50 }, (_, index) => `u${String(index + 1).padStart(3, '0')}`)
if (fresh) {
  const place = await openPlace({ data })
  await place.directory.addDomain({ name: 'bench.test' })
  for (const user of users) {
    const account = await place.directory.addUser({ address: `${user}@bench.test`, password: 'benchpass' })
    await place.mailStore.createAccount(account.id)
  }
  await place.engine.close()
}

const offset = Number(values.offset)
const settings = ['accounts.allowInsecureLogin=loopback', 'smtp.messagesPerAddress=0', 'inbound.junkScore=999', 'inbound.refuseScore=1000', ...values.set]
// The loopback is trusted by default, and mail from there not checked.
settings.push(values.checks === undefined ? 'inbound.checks=no' : 'inbound.trusted=192.0.2.1')
const port = (standard: number) => ({ port: offset + standard })
// The file is there when the server is.
const cold = `rm -f '${targetFile}'; kill -HUP ${process.pid}; while [ ! -s '${targetFile}' ]; do sleep 0.05; done`

function start(): ChildProcess {
  const server = spawn(process.execPath, [...(values.profile ? ['--cpu-prof', `--cpu-prof-dir=${process.cwd()}`] : []), join(root, 'bin/pennypost.ts'), 'serve', '--data', data, '--listen', '127.0.0.1', '--port-offset', String(offset), '--hostname', 'mail.bench.test', ...(values.checks === undefined ? [] : ['--dns', values.checks]), ...settings.flatMap((setting) => ['--set', setting])], { stdio: ['ignore', 'pipe', 'inherit'] })
  createInterface({ input: server.stdout }).on('line', (line) => {
    if (!line.includes('"serving"')) return
    const text = JSON.stringify({ name: values.checks === undefined ? 'pennypost' : 'pennypost-checked', host: '127.0.0.1', domain: 'bench.test', users, pass: 'benchpass', smtp: port(25), submission: port(587), smtps: port(465), imap: port(143), imaps: port(993), pop3: port(110), pop3s: port(995), pids: [server.pid], drainDirs: [], hooks: { cold }, extraArgs: { 'smtp-load': ['--drain-imap'] } }, null, 2)
    writeFileSync(`${targetFile}.new`, text)
    renameSync(`${targetFile}.new`, targetFile)
    process.stdout.write(`serving, target file ${file}, pid ${server.pid}\n`)
  })
  server.once('close', () => {
    if (again) {
      again = false
      child = start()
      return
    }
    clearTimeout(timer)
    if (values.data === undefined) rmSync(data, { recursive: true, force: true })
    process.exit()
  })
  return server
}

/** The server is to start anew with its data and nothing in memory. */
let again = false
const timer = setTimeout(() => end(), Number(values['max-seconds']) * 1000)
let child = start()
const end = () => child.kill('SIGTERM')
process.once('SIGTERM', end)
process.once('SIGINT', end)
process.on('SIGHUP', () => {
  again = true
  child.kill('SIGTERM')
})
