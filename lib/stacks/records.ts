/**
 * The DNS records of a domain whose server stands in an AWS account. Pure: no CDK here.
 *
 * DKIM keys are made by `pennypost --aws domain add`, after the deployment, and their private halves never leave the
 * table. Their records come here by a file: `pennypost --aws domain show DOMAIN --json > FILE`, then `-c records=FILE`.
 */
import { readFileSync } from 'node:fs'
import type { Choices } from './choices.ts'

export interface ZoneRecord {
  readonly type: 'MX' | 'TXT' | 'SRV' | 'CNAME'
  /** Without a final dot. */
  readonly name: string
  /** Names have a final dot; a TXT value is one text without quotes. */
  readonly value: string
}

export function recordsOf({ domain, hostname, outbound, smarthost, contact }: Choices): ZoneRecord[] {
  const server = `${hostname}.`
  const reports = contact === '' ? `postmaster@${domain}` : contact
  return [
    { type: 'MX', name: domain, value: `10 ${server}` },
    { type: 'TXT', name: domain, value: spf(hostname, outbound, smarthost) },
    // Reports to strangers may come from the server's own name.
    { type: 'TXT', name: hostname, value: spf(hostname, outbound, smarthost) },
    // RFC 7489 §6.3
    { type: 'TXT', name: `_dmarc.${domain}`, value: `v=DMARC1; p=quarantine; rua=mailto:postmaster@${domain}` },
    // RFC 8460 §3: whoever cannot reach us by TLS says so to an address that does not depend on it.
    { type: 'TXT', name: `_smtp._tls.${domain}`, value: `v=TLSRPTv1; rua=mailto:${reports}` },
    // RFC 6186 §3, RFC 8314 §5.1: clients find their servers by these; a "." says that there is none.
    { type: 'SRV', name: `_imaps._tcp.${domain}`, value: `0 1 993 ${server}` },
    { type: 'SRV', name: `_pop3s._tcp.${domain}`, value: `10 1 995 ${server}` },
    { type: 'SRV', name: `_submissions._tcp.${domain}`, value: `0 1 465 ${server}` },
    { type: 'SRV', name: `_submission._tcp.${domain}`, value: `10 1 587 ${server}` },
  ]
}

/** RFC 7208 §4.5. Directly, mail leaves from the fixed address alone; through another's smarthost, from addresses only its operator knows. */
function spf(hostname: string, outbound: Choices['outbound'], smarthost: string): string {
  if (outbound === 'direct') return `v=spf1 a:out.${hostname} -all`
  return smarthost === 'ses' ? 'v=spf1 include:amazonses.com -all' : 'v=spf1 mx ~all'
}

/** @throws {Error} for a file that `domain show --json` did not write */
export function readDkimRecords(file: string): ZoneRecord[] {
  const { dnsRecords } = JSON.parse(readFileSync(file, 'utf8')) as { dnsRecords?: readonly { readonly type: string; readonly name: string; readonly value: string }[] }
  if (dnsRecords === undefined) throw new Error(`${file} has no dnsRecords: write it with "pennypost --aws domain show DOMAIN --json"`)
  return dnsRecords.filter(({ type, name }) => type === 'TXT' && name.includes('._domainkey.')).map(({ name, value }) => ({ type: 'TXT', name, value: unquote(value) }))
}

/** RFC 1035 §5.1: strings of a zone file, joined. */
function unquote(value: string): string {
  return [...value.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, text = '']) => text.replaceAll(/\\(.)/g, '$1')).join('')
}
