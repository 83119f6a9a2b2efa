/** The part of a report that people read: what happened, to whom, what the other side said, what to do now. */
import { oneLine } from '#lib/formats/compose/text.ts'
import { statusCode, wholeReply } from './status.ts'
import type { Action, ReportedRecipient } from './status.ts'

export interface ReportedLetter {
  /** Name of this host. */
  readonly host: string
  /** Who helps. */
  readonly postmaster: string
  /** Decoded; '' when there is none. */
  readonly subject: string
  readonly arrivedAt: number
}

/** Widest line of text. */
const width = 72

/** The worst first: it names the report. */
const order: readonly Action[] = ['failed', 'delayed', 'delivered', 'relayed', 'expanded']

export const titles: Readonly<Record<Action, string>> = {
  failed: 'Undeliverable',
  delayed: 'Delayed',
  delivered: 'Delivered',
  relayed: 'Relayed',
  expanded: 'Forwarded',
}

const openings: Readonly<Record<Action, string>> = {
  failed: 'could not be delivered to:',
  delayed: 'has not been delivered yet to:',
  delivered: 'was delivered to:',
  relayed: 'was handed on to a server that reports no further, for:',
  expanded: 'was forwarded to the addresses that stand behind:',
}

/** Reasons a person understands, by the first numbers of the enhanced status code (RFC 3463 §3). The first that fits counts. */
const reasons: readonly (readonly [RegExp, string])[] = [
  [/^[45]\.1\.(?:2|10)$|^[45]\.4\.4$/, 'The part behind the @ is not a domain that takes mail. Check it for typing mistakes.'],
  [/^5\.1\.[0136]$/, 'There is no such address. Check it for typing mistakes, or ask the person in another way.'],
  [/^5\.2\.1$/, 'This mailbox is closed and takes no mail. Ask the person in another way.'],
  [/^[45]\.2\.2$/, 'The mailbox is full. Write again later, or tell the person in another way.'],
  [/^[45]\.(?:2\.3|3\.4)$/, 'The message is too large for the other side. Send less, or a link to it.'],
  [/^[45]\.4\.6$/, 'The message went round in circles between servers. The postmaster of the other side can mend this.'],
  [/^[45]\.6\.\d+$/, 'The other side cannot take the form of this message. Write it as plain text, without attachments.'],
  [/^[45]\.7\.\d+$/, 'The rules of the other side forbid it: they may take it for spam, or take mail from certain senders only.'],
  [/^4\.4\.7$/, 'It could not be delivered in the time given to it. Write again later.'],
  [/^4\.4\.\d+$/, 'The server of the other side could not be reached. Write again later.'],
  [/^4\.\d\.\d+$/, 'The other side could not take it, even though it was tried many times. Write again later.'],
]

/** Lines end with CRLF. */
export function composeWords({ host, postmaster, subject, arrivedAt }: ReportedLetter, recipients: readonly ReportedRecipient[]): string {
  const about = [`    Sent:    ${shortDate(arrivedAt)}`]
  if (subject !== '') about.unshift(...wrap(subject, '    Subject: ', '             '))
  const parts = order.flatMap((action) => partOf(action, recipients.filter((one) => one.action === action), postmaster))
  const lines = [
    `This is the mail server ${oneLine(host, width)}. Your message`,
    '',
    ...about,
    '',
    ...parts,
  ]
  return `${lines.join('\r\n').trimEnd()}\r\n`
}

function partOf(action: Action, recipients: readonly ReportedRecipient[], postmaster: string): string[] {
  if (recipients.length === 0) return []
  return [openings[action], '', ...recipients.flatMap((recipient) => [...recipientLines(recipient), '']), ...closing(action, recipients, postmaster)]
}

function recipientLines(recipient: ReportedRecipient): string[] {
  const { action, address, host, code } = recipient
  const lines = [`    ${oneLine(address)}`]
  if (action !== 'failed' && action !== 'delayed') return lines
  const status = statusCode(recipient)
  const reason = action === 'failed' ? reasons.find(([codes]) => codes.test(status))?.[1] : undefined
  if (reason !== undefined) lines.push(...wrap(reason, '        '))
  const said = wholeReply(recipient)
  const who = host === undefined ? '' : `${oneLine(host, width)}${code === undefined ? '' : ' said'}: `
  if (said !== '') lines.push(...wrap(`${who}${said}`, '        '))
  return lines
}

function closing(action: Action, recipients: readonly ReportedRecipient[], postmaster: string): string[] {
  if (action === 'failed') return [...wrap(`It will not be tried again. If you need help, write to ${postmaster} and attach this mail.`), '']
  if (action !== 'delayed') return []
  const until = Math.max(...recipients.map(({ retryUntil }) => retryUntil ?? 0))
  return [...wrap(`You need not do anything: it is tried again and again${until === 0 ? '' : ` until ${shortDate(until)}`}. You will be told if it fails for good.`), '']
}

/** `2026-11-24 08:30 UTC` */
function shortDate(at: number): string {
  const text = new Date(at).toISOString()
  return `${text.slice(0, 10)} ${text.slice(11, 16)} UTC`
}

function wrap(text: string, first = '', indent = first): string[] {
  const lines: string[] = []
  let line = first
  let empty = true
  for (const word of oneLine(text).split(' ')) {
    if (!empty && line.length + 1 + word.length > width) {
      lines.push(line)
      line = indent
      empty = true
    }
    line += empty ? word : ` ${word}`
    empty = false
  }
  return [...lines, line]
}

/** The most serious of what happened. */
export function worstAction(recipients: readonly Pick<ReportedRecipient, 'action'>[]): Action {
  return order.find((action) => recipients.some((one) => one.action === action)) ?? 'failed'
}
