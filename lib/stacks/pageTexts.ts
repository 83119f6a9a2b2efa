/** The two pages that the world fetches to reach a domain's mail well. Pure: no CDK here. */
import { createHash } from 'node:crypto'

/** RFC 8461 §3.2: lines end in CR LF, and one `mx` names every host that takes mail. */
export function stsPolicy(mode: 'testing' | 'enforce', hostname: string): string {
  return ['version: STSv1', `mode: ${mode}`, `mx: ${hostname}`, 'max_age: 604800', ''].join('\r\n')
}

/** RFC 8461 §3.1: senders fetch the policy anew when the id is another. */
export function stsRecord(policy: string): string {
  return `v=STSv1; id=${createHash('sha256').update(policy).digest('hex').slice(0, 24)}`
}

/** https://wiki.mozilla.org/Thunderbird:Autoconfiguration:ConfigFileFormat; other clients read it too. */
export function autoconfig(domain: string, hostname: string): string {
  const server = (element: string, type: string, port: number): string[] => [
    `    <${element} type="${type}">`,
    `      <hostname>${hostname}</hostname><port>${port}</port><socketType>SSL</socketType>`,
    '      <authentication>password-cleartext</authentication><username>%EMAILADDRESS%</username>',
    `    </${element}>`,
  ]
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<clientConfig version="1.1">',
    `  <emailProvider id="${domain}">`,
    `    <domain>${domain}</domain><displayName>${domain}</displayName><displayShortName>${domain}</displayShortName>`,
    ...server('incomingServer', 'imap', 993),
    ...server('incomingServer', 'pop3', 995),
    ...server('outgoingServer', 'smtp', 465),
    '  </emailProvider>',
    '</clientConfig>',
    '',
  ].join('\n')
}
