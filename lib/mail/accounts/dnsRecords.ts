/** Every DNS record that a domain needs in public, for `domain show`. Pure: nothing is asked or published here. */
import { createPublicKey } from 'node:crypto'
import type { DkimKey, Domain } from './account.ts'

export interface DnsRecord {
  readonly type: 'MX' | 'A' | 'TXT' | 'SRV' | 'PTR'
  /** Without a final dot. */
  readonly name: string
  /** As a zone file has it: names with a final dot, TXT strings quoted. Words in <> are the operator's to fill in. */
  readonly value: string
}

// RFC 1035 §3.3: one character-string of a TXT record. RFC 7208 §3.3 and RFC 6376 §3.6.2.2: they are joined without a space.
const textStringBytes = 255
const yourAddress = '<address of this server>'

export function dnsRecords(domain: Domain, hostname: string): DnsRecord[] {
  const { name } = domain
  const server = `${hostname}.`
  return [
    { type: 'MX', name, value: `10 ${server}` },
    { type: 'A', name: hostname, value: yourAddress },
    { type: 'PTR', name: yourAddress, value: server },
    { type: 'TXT', name, value: quoteText(spf(domain)) },
    ...domain.dkim.map((key): DnsRecord => ({ type: 'TXT', name: dkimName(name, key), value: quoteText(dkimText(key)) })),
    // RFC 7489 §6.3
    { type: 'TXT', name: `_dmarc.${name}`, value: quoteText(`v=DMARC1; p=quarantine; rua=mailto:postmaster@${name}`) },
    // Clients find their servers by these: RFC 6186 §3, RFC 8314 §5.1.
    { type: 'SRV', name: `_imaps._tcp.${name}`, value: `0 1 993 ${server}` },
    { type: 'SRV', name: `_pop3s._tcp.${name}`, value: `10 1 995 ${server}` },
    { type: 'SRV', name: `_submissions._tcp.${name}`, value: `0 1 465 ${server}` },
  ]
}

/** RFC 7208 §4.5. Mail through a smarthost leaves from addresses that only its operator knows, hence the soft end. */
function spf({ smarthost }: Domain): string {
  if (smarthost === null) return 'v=spf1 mx -all'
  return smarthost.host.endsWith('.amazonaws.com') ? 'v=spf1 mx include:amazonses.com -all' : `v=spf1 mx a:${smarthost.host} ~all`
}

/** RFC 6376 §3.6.2.1 */
export const dkimName = (domain: string, { selector }: DkimKey): string => `${selector}._domainkey.${domain}`

/** RFC 6376 §3.6.1; the Ed25519 key without its wrapping: RFC 8463 §4. */
export function dkimText({ algorithm, privateKeyPem }: DkimKey): string {
  const info = createPublicKey(privateKeyPem).export({ type: 'spki', format: 'der' })
  const key = algorithm === 'ed25519' ? info.subarray(-32) : info
  return `v=DKIM1; k=${algorithm}; p=${key.toString('base64')}`
}

function quoteText(text: string): string {
  const strings = text.match(new RegExp(`.{1,${textStringBytes}}`, 'gs')) ?? ['']
  return strings.map((one) => `"${one.replace(/["\\]/g, '\\$&')}"`).join(' ')
}
