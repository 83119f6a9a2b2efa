/**
 * Authentication-Results (RFC 8601): composing ours, and knowing whose a given one is.
 * Every value that came from outside is quoted or left out: nothing in it can end the field or start another.
 */
import type { AuthVerdict, DkimVerdict, DmarcVerdict, SpfVerdict } from './verdict.ts'

/** Longest property value written; real ones are domains and selectors. */
const valueLimit = 255

/**
 * The field's value, folded, without its name and final CRLF.
 * `authservId` is this server's name; `auth` absent means that no check was made.
 */
export function composeAuthResults(authservId: string, auth: AuthVerdict | undefined): string {
  const id = formatValue(authservId) ?? 'unknown'
  // RFC 8601 §2.2: "none" stands for no check at all.
  if (auth === undefined) return `${id}; none`
  const rows = [formatSpf(auth.spf), ...auth.dkim.map(formatDkim), formatDmarc(auth.dmarc), `arc=${auth.arc.result}`]
  return [id, ...rows].join(';\r\n ')
}

/** The authserv-id of an Authentication-Results value, lower case; empty when there is none. */
export function readAuthservId(value: string): string {
  const text = skipComments(value).trimStart()
  const quoted = /^"((?:[^"\\]|\\.)*)"/s.exec(text)
  if (quoted !== null) return (quoted[1] ?? '').replace(/\\(.)/gs, '$1').toLowerCase()
  return (/^[^\s;()"]*/.exec(text)?.[0] ?? '').toLowerCase()
}

function formatSpf(spf: SpfVerdict): string {
  return row('spf', spf.result, undefined, [[spf.identity === 'mailfrom' ? 'smtp.mailfrom' : 'smtp.helo', spf.domain]])
}

function formatDkim(dkim: DkimVerdict): string {
  // RFC 8601 §2.7.1, RFC 6008 §3
  return row('dkim', dkim.result, dkim.comment, [
    ['header.d', dkim.domain],
    ['header.i', dkim.identity],
    ['header.s', dkim.selector],
    ['header.a', dkim.algorithm],
    ['header.b', dkim.signature],
  ])
}

function formatDmarc(dmarc: DmarcVerdict): string {
  const policy = dmarc.policyDomain === '' ? dmarc.reason : `p=${dmarc.policy} at ${dmarc.policyDomain}`
  return row('dmarc', dmarc.result, policy, [['header.from', dmarc.domain]])
}

function row(method: string, result: string, comment: string | undefined, properties: readonly (readonly [string, string])[]): string {
  const words = [`${method}=${result}`]
  const safe = comment?.replace(/[^\x20\x21\x23-\x27\x2a-\x5b\x5d-\x7e]/g, ' ').slice(0, 120)
  if (safe !== undefined && safe !== '') words.push(`(${safe})`)
  for (const [name, value] of properties) {
    const written = formatValue(value)
    if (written !== undefined) words.push(`${name}=${written}`)
  }
  return fold(words)
}

/** A token, a quoted string, or undefined for what cannot stand in a header of ASCII. */
function formatValue(value: string): string | undefined {
  if (value === '' || value.length > valueLimit || /[^\x20-\x7e]/.test(value)) return undefined
  // RFC 8601 §2.2: pvalue may be a bare "@domain" or address of atoms.
  if (/^[A-Za-z0-9!#$%&'*+\-.^_`{|}~]*@?[A-Za-z0-9!#$%&'*+\-.^_`{|}~]+$/.test(value)) return value
  return `"${value.replace(/["\\]/g, '\\$&')}"`
}

// RFC 5322 §2.1.1: lines of 78 characters where possible.
function fold(words: readonly string[]): string {
  let text = ''
  let width = 1
  for (const word of words) {
    if (text !== '' && width + word.length + 1 > 76) {
      text += '\r\n  '
      width = 2
    } else if (text !== '') {
      text += ' '
      width++
    }
    text += word
    width += word.length
  }
  return text
}

/** Drops comments, which may nest, from the beginning of a value. */
function skipComments(value: string): string {
  let at = 0
  let depth = 0
  for (; at < value.length; at++) {
    const char = value[at] ?? ''
    if (char === '\\' && depth > 0) at++
    else if (char === '(') depth++
    else if (char === ')' && depth > 0) depth--
    else if (depth === 0 && !/\s/.test(char)) break
  }
  return value.slice(at)
}
