/** What a person sees while `serve` runs: one line for each thing that happens to each message. */
import { inspect, styleText } from 'node:util'
import type { LogEvent, LogFields, LogSink } from '#lib/base/log.ts'
import { showBytes, showDuration } from './output.ts'

type Style = Parameters<typeof styleText>[0]

/** A word's mark, colour and sentence. Events without a row here are printed with their fields. */
const sentences: Record<string, { mark: string; style: Style; tell: (f: Fields) => string }> = {
  received: { mark: '→', style: 'cyan', tell: (f) => `from ${path(f['from'])} to ${list(f['to'])}, ${size(f['sizeBytes'])}, by ${f['login'] === undefined ? '' : `${text(f['login'])} at `}${text(f['client'])}, ${f['tls'] === undefined || f['tls'] === 'no' ? 'no TLS' : text(f['tls'])}` },
  refused: { mark: '✗', style: 'yellow', tell: ({ reason, from, to, client }) => `${text(reason)}${from === undefined ? '' : `; from ${path(from)}`}${to === undefined ? '' : ` to ${list(to)}`}, by ${text(client)}` },
  checked: { mark: '?', style: 'gray', tell: (f) => `spf ${text(f['spf'] ?? 'none')}, dkim ${text(f['dkim'] ?? 'none')}, dmarc ${text(f['dmarc'] ?? 'none')}, score ${text(f['score'] ?? 0)}${reasons(f['reasons'])}` },
  filed: { mark: '✓', style: 'green', tell: (f) => `for ${text(f['account'])} in ${text(f['mailbox'])}, UID ${text(f['uid'])}` },
  forwarded: { mark: '↷', style: 'blue', tell: (f) => `to ${list(f['to'])}` },
  routed: { mark: '↷', style: 'blue', tell: (f) => rest(f) },
  delivered: { mark: '✓', style: 'green', tell: (f) => `to ${list(f['to'])} by ${text(f['host'])}: ${text(f['reply'])}` },
  deferred: { mark: '…', style: 'yellow', tell: (f) => `to ${list(f['to'])}: ${text(f['reply'])}${typeof f['nextAt'] === 'number' ? `, again in ${showDuration(f['nextAt'] - Date.now())}` : ''}` },
  bounced: { mark: '✗', style: 'red', tell: (f) => `to ${list(f['to'])}: ${text(f['reply'] ?? f['reason'])}` },
  'logged-in': { mark: '·', style: 'gray', tell: tellLogin },
  'login-failed': { mark: '✗', style: 'yellow', tell: (f) => `${tellLogin(f)}: ${text(f['reason'])}` },
  discarded: { mark: '✗', style: 'red', tell: (f) => rest(f) },
}

type Fields = Record<string, unknown>

function tellLogin({ login, protocol, client }: Fields): string {
  return `${text(login ?? 'somebody')} by ${text(protocol)}, from ${text(client)}`
}

export function terminalSink(write: (line: string) => void, colour: boolean): LogSink {
  const paint = (style: Style, words: string): string => (colour ? styleText(style, words, { validateStream: false }) : words)
  return ({ at, level, event, fields }: LogEvent) => {
    const known = sentences[event]
    const { queueId, ...others } = fields
    const time = paint('gray', new Date(at).toTimeString().slice(0, 8))
    const loud: Style = level === 'error' ? 'red' : level === 'warn' ? 'yellow' : 'white'
    const head = known === undefined ? paint(loud, `· ${event.padEnd(10)}`) : paint(known.style, `${known.mark} ${event.padEnd(10)}`)
    const id = queueId === undefined ? ''.padEnd(18) : text(queueId)
    write(`${time} ${head} ${paint('gray', id)} ${printable(known === undefined ? rest(others) : known.tell(others))}\n`)
  }
}

/** Replies and addresses come from strangers: nothing of theirs may steer the terminal. */
const printable = (words: string): string => words.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, ' ')

const text = (value: unknown): string => (typeof value === 'string' ? value : typeof value === 'number' || typeof value === 'boolean' ? String(value) : inspect(value, { breakLength: Infinity, depth: 3 }))
const path = (value: unknown): string => (value === '' || value === undefined ? '<>' : text(value))
const list = (value: unknown): string => (Array.isArray(value) ? value.map(text).join(', ') : path(value))
const size = (value: unknown): string => (typeof value === 'number' ? showBytes(value) : 'unknown size')
const reasons = (value: unknown): string => (Array.isArray(value) && value.length > 0 ? ` (${value.map(text).join(', ')})` : '')

function rest(fields: LogFields): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} ${list(value)}`)
    .join(', ')
}
