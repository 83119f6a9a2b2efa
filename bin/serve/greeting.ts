/** What a newcomer reads first: where everything is, who can log in, and what to type. */
import { styleText } from 'node:util'
import type { Service } from '#lib/serve/doors.ts'
import { formatTable } from '../output.ts'
import { demoDomain } from './demo.ts'
import type { DemoUser } from './demo.ts'

export interface Greeting {
  readonly hostname: string
  readonly dataDirectory: string
  readonly services: readonly Service[]
  readonly portOffset: number
  readonly domains: readonly string[]
  /** With their passwords, on the first start only. */
  readonly demoUsers: readonly DemoUser[]
  readonly colour: boolean
}

export function greet(greeting: Greeting): string {
  const { hostname, dataDirectory, services } = greeting
  const paint = (style: 'bold' | 'gray', words: string): string => (greeting.colour ? styleText(style, words, { validateStream: false }) : words)
  const heading = (words: string): string => `\n${paint('bold', words)}\n`
  return [
    heading(`Pennypost serves as ${hostname}; everything is kept in ${dataDirectory}`),
    '\n',
    indent(formatTable(services.map(({ service, address, port, tls }) => ({ service, address, port, tls })))),
    heading('Users'),
    indent(users(greeting)),
    heading('Try it'),
    indent(howTo(greeting)),
    heading('What happens to each message (Ctrl-C stops the server)'),
    '\n',
  ].join('')
}

function users({ domains, demoUsers }: Greeting): string {
  if (demoUsers.length > 0) return formatTable(demoUsers.map(({ address, password }) => ({ user: address, password }))) + 'The passwords are shown this once; "npx pennypost user password ADDRESS" sets a new one.\n'
  if (domains.length === 0) return 'There is no domain yet: npx pennypost domain add example.com\n'
  const forgotten = domains.includes(demoDomain) ? `\nThe passwords of ${demoDomain} were shown at the first start; "npx pennypost user password ADDRESS" sets a new one.` : ''
  return `Domains: ${domains.slice(0, 5).join(', ')}${domains.length > 5 ? ` and ${domains.length - 5} more` : ''}. "npx pennypost user list" shows who can log in.${forgotten}\n`
}

function howTo({ services, portOffset, domains, hostname }: Greeting): string {
  const domain = domains.includes(demoDomain) ? demoDomain : (domains[0] ?? 'example.com')
  const user = domain === demoDomain ? `alice@${demoDomain}` : `USER@${domain}`
  const address = services[0]?.address ?? '127.0.0.1'
  const everywhere = address === '0.0.0.0' || address === '::'
  const near = everywhere ? '127.0.0.1' : address
  const host = near.includes(':') ? `[${near}]` : near
  const port = (standard: number): number => portOffset + standard
  const rows: [what: string, line: string][] = [
    ['send', `swaks --server ${near} --port ${port(25)} --from me@example.com --to ${user}`],
    ['', `printf 'Subject: Hello\\r\\n\\r\\nHello.\\r\\n' | curl --url smtp://${host}:${port(25)} --mail-from me@example.com --mail-rcpt ${user} --upload-file -`],
    ['read', `curl -k --user ${user} 'imaps://${host}:${port(993)}/INBOX;MAILINDEX=1'`],
    ['', `curl -k --user ${user} pop3s://${host}:${port(995)}/1`],
    ['submit', `swaks --server ${near} --port ${port(587)} --tls --auth PLAIN --auth-user ${user} --from ${user} --to ${user}`],
    ['mail client', `server ${everywhere ? hostname : near}; IMAP port ${port(993)}, TLS; outgoing port ${port(465)}, TLS; user name ${user}`],
    ['', 'The certificate made here is self-signed: a client asks once whether to trust it.'],
  ]
  return rows.map(([what, line]) => `${what.padEnd(12)} ${line}\n`).join('')
}

const indent = (text: string): string => text.replaceAll(/^(?=.)/gm, '  ')
