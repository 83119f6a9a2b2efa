/** Servers under load, by the target files that bench/target.ts and the peers' scripts write. */
import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { LoadClient } from './client.ts'

export interface Target {
  readonly name: string
  readonly host: string
  readonly domain: string
  readonly pass: string
  readonly imap: { readonly port: number }
  readonly pids: readonly number[]
  /** Shell commands; `cold` lets the server forget what it could build anew. */
  readonly hooks?: { readonly cold?: string }
}

export function readTarget(file: string): Target {
  // Written by our own scripts.
  return JSON.parse(readFileSync(file, 'utf8')) as Target
}

export async function logIn(target: Target, user: string): Promise<LoadClient> {
  const client = await LoadClient.open(target.host, target.imap.port)
  await client.command(`LOGIN ${user}@${target.domain} ${target.pass}`)
  return client
}

export function makeCold(target: Target, user: string, mailbox: string): void {
  const { cold } = target.hooks ?? {}
  if (cold === undefined) throw new Error(`${target.name} has no hook "cold"`)
  execFileSync('/bin/sh', ['-c', cold], { env: { ...process.env, BENCH_USER: user, BENCH_MAILBOX: mailbox }, stdio: ['ignore', 'ignore', 'inherit'] })
}

interface Stat {
  readonly pid: number
  readonly parent: number
  /** CPU of this process as long as it lives, exact, and of its ended children, in ticks. */
  readonly seconds: number
}

const tickSeconds = 1 / 100

/** CPU seconds of the server's process trees so far, ended children included. */
export function cpuSeconds({ pids }: Target): number {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).map(readStat).filter((stat) => stat !== undefined)
  const wanted = new Set(pids)
  // Parents are mostly listed before their children; a second and third turn finds the rest.
  for (let turn = 0; turn < 3; turn++) for (const { pid, parent } of all) if (wanted.has(parent)) wanted.add(pid)
  let sum = 0
  for (const stat of all) if (wanted.has(stat.pid)) sum += stat.seconds
  return sum
}

function readStat(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name may hold spaces. proc(5): fields 4 (parent), 16 and 17 (user and system time of ended children).
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    const ended = (Number(fields[13]) + Number(fields[14])) * tickSeconds
    return { pid, parent: Number(fields[1]), seconds: ended + readdirSync(`/proc/${pid}/task`).reduce((sum, task) => sum + threadSeconds(pid, task), 0) }
  } catch {
    // It has ended meanwhile.
    return undefined
  }
}

/** The scheduler counts in nanoseconds where stat has hundredths of a second. */
function threadSeconds(pid: number, task: string): number {
  return Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1').split(' ', 1)[0]) / 1e9
}

/** Busy ticks of the whole machine in seconds: what others take is the difference. */
export function machineSeconds(): number {
  const [, user = 0, nice = 0, system = 0] = readFileSync('/proc/stat', 'latin1').split(/\s+/, 4).map(Number)
  return (user + nice + system) * tickSeconds
}
