/**
 * What may be chosen of a deployment: name, default and one sentence, declared once; docs/aws.md shows the same table.
 * Choices come from `-c name=value` and from a settings file (`-c settings=FILE`, JSON or a module with a default export);
 * the command line wins. Pure: no CDK here.
 */
import { readConfigText } from '#lib/configFile.ts'
import { functionVerbs } from './names.ts'
import type { FunctionVerb } from './names.ts'

interface Choice<T> {
  readonly default: T
  readonly sentence: string
  /** From the text of the command line, or a value of the settings file. @throws {Error} "expects ..." */
  readonly read: (raw: unknown) => T
}

const text = (fallback: string, sentence: string, shape?: { readonly pattern: RegExp; readonly expected: string }): Choice<string> => ({ default: fallback, sentence, read: (raw) => readText(raw, shape) })
const oneOf = <T extends string>(fallback: T, words: readonly T[], sentence: string): Choice<T> => ({ default: fallback, sentence, read: (raw) => readWord(raw, words) })
const number = (fallback: number, least: number, most: number, sentence: string): Choice<number> => ({ default: fallback, sentence, read: (raw) => readNumber(raw, least, most) })
const flag = (fallback: boolean, sentence: string): Choice<boolean> => ({ default: fallback, sentence, read: readFlag })

const domainName = { pattern: /^(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$/, expected: 'a domain name in small letters, such as example.com' }
const addressOrNone = { pattern: /^$|^[^\s@]+@[^\s@]+\.[^\s@]+$/, expected: 'a mail address' }

export const choices = {
  domain: text('', 'The domain whose mail this is. It must be said; more domains are added with `pennypost --aws domain add`.', domainName),
  hostname: text('', 'The name of the server in MX records, greetings and certificates; empty means mail.DOMAIN.', { pattern: new RegExp(`^$|${domainName.pattern.source}`), expected: domainName.expected }),
  stack: text('pennypost', 'The name of the deployment: it begins the name of everything made in the account.', { pattern: /^[a-z][a-z0-9-]{1,23}$/, expected: '2 to 24 small letters, digits and hyphens' }),
  region: text('', 'The AWS region; empty means that of the AWS profile, or us-east-1.', { pattern: /^$|^[a-z]{2}(-[a-z]+)+-\d$/, expected: 'a region such as us-east-1' }),
  zones: text('a,b', 'The letters of two availability zones of the region. They are fixed, so that nothing is looked up and nothing moves by itself.', { pattern: /^[a-z],[a-z]$/, expected: 'two letters such as a,b' }),
  zone: text('host', 'Where the DNS is: `host` makes a Route 53 zone for the server\'s name alone and prints the records of the domain, which stays where it is; `new` makes a zone for the domain; the id of a zone of the domain in this account publishes everything there.', { pattern: /^(host|new|Z[A-Z0-9]{5,31})$/, expected: 'host, new or the id of a Route 53 zone such as Z0123456789ABC' }),
  mode: oneOf('lean', ['lean', 'ha'], 'The front: `lean` is one task with a public address; `ha` is a load balancer in two zones before two tasks.'),
  outbound: oneOf('smarthost', ['smarthost', 'direct'], 'Mail to others: through a `smarthost` (Amazon SES or any other), or `direct` to their MX hosts, from one fixed address, once AWS has opened port 25.'),
  smarthost: text('ses', 'With outbound=smarthost: `ses` makes the domain known to Amazon SES; `other` makes nothing.', { pattern: /^(ses|other)$/, expected: 'ses or other' }),
  nat: oneOf('instance', ['instance', 'gateway'], 'With outbound=direct: a small `instance` ($3.07 a month and its address), or a NAT `gateway` ($32.85, without upkeep).'),
  image: text('', 'The image of the front by its address in a registry; empty builds it from containers/front, which needs Docker.'),
  cpu: number(256, 256, 4096, 'Processor of one front task, in 1/1024.'),
  memoryMiB: number(512, 512, 30_720, 'Memory of one front task.'),
  records: text('', 'A file written by `pennypost --aws domain show DOMAIN --json`: its DKIM keys are published in the zone. Several are separated by commas.'),
  ownRecords: text('', 'Records of the domain that you keep yourself, such as `MX example.com, TXT example.com`: they are printed and not published. A record that is there already must stand here, or be taken away first.', { pattern: /^$|^(MX|TXT|SRV) \S+(, *(MX|TXT|SRV) \S+)*$/, expected: 'types and names such as MX example.com, TXT example.com' }),
  pages: oneOf('auto', ['auto', 'none', 'testing', 'enforce'], 'Web pages at mta-sts.DOMAIN and autoconfig.DOMAIN: the MTA-STS policy in this mode, and the settings of mail clients. `auto` is `testing` when `zone` is the id of a zone, which must answer in public already, else `none`.'),
  acmeDirectory: text('https://acme-v02.api.letsencrypt.org/directory', 'The certificate authority that signs the server\'s certificate (RFC 8555).', { pattern: /^https:\/\/\S+$/, expected: 'an https address' }),
  contact: text('', 'Who is told of alarms, spending and certificates: a mail address that does not depend on this system. Empty tells nobody.', addressOrNone),
  budgetDollars: number(30, 0, 1_000_000, 'The account\'s spending in a month beyond which the contact is told, and when four fifths of it are reached; 0 watches no spending.'),
  events: flag(false, 'Publish what happens to messages as EventBridge events.'),
  checkAtOnce: number(20, 2, 1000, 'Batches of received messages checked and filed side by side.'),
  lookUpAtOnce: number(5, 2, 1000, 'Batches of messages whose destinations are looked up side by side.'),
  deliverAtOnce: number(20, 2, 1000, 'Batches of messages delivered to other servers side by side. So many connections may go to one destination, or `outbound.connectionsPerDestination` if that is more.'),
  table: text('', 'A table that was restored to a point in time, to be used in place of the deployment\'s own (docs/runbook.md).', { pattern: /^[a-zA-Z0-9_.-]{0,255}$/, expected: 'the name of a table' }),
  pointInTimeDays: number(35, 1, 35, 'How far back the table can be restored to any second.'),
  undeleteDays: number(7, 1, 365, 'How long deleted and overwritten objects of the bucket can be brought back.'),
  logDays: number(30, 1, 3653, 'How long logs are kept; one of the numbers of days that CloudWatch knows (1, 3, 5, 7, 14, 30, 60, 90, 365 ...).'),
  mail: { default: {}, sentence: 'Settings of the mail system (docs/settings.md): an object in the settings file, or `-c mail="smtp.maxMessageBytes=25MiB; imap.idleTimeoutMs=1h"`.', read: readMailSettings } satisfies Choice<Readonly<Record<string, string>>>,
}

export type Choices = { readonly [K in keyof typeof choices]: (typeof choices)[K] extends Choice<infer T> ? T : never }
/** What a settings file exports: `export default { domain: 'example.com', mode: 'ha' } satisfies DeploySettings`. */
export type DeploySettings = Partial<Choices>

/** A choice that cannot be: the message names each. */
export class ChoiceError extends Error {
  override readonly name = 'ChoiceError'
}

/** Later layers win. @throws {ChoiceError} that names every mistake */
export function readChoices(layers: readonly Readonly<Record<string, unknown>>[]): Choices {
  const mistakes: string[] = []
  const chosen: Record<string, unknown> = Object.fromEntries(Object.entries(choices).map(([name, choice]) => [name, choice.default]))
  for (const [name, raw] of layers.flatMap((layer) => Object.entries(layer))) {
    const choice = Object.hasOwn(choices, name) ? choices[name as keyof Choices] : undefined
    if (choice === undefined) mistakes.push(`there is no choice "${name}"${nearest(name)}`)
    else
      try {
        chosen[name] = choice.read(raw)
      } catch (error) {
        mistakes.push(`${name} ${(error as Error).message}${typeof raw === 'object' ? '' : `, not ${JSON.stringify(raw)}`}`)
      }
  }
  // Each value was read by its choice's own reader, so the shape is that of the table.
  const complete = chosen as unknown as Choices
  if (mistakes.length === 0) mistakes.push(...contradictions(complete))
  if (mistakes.length > 0) throw new ChoiceError(mistakes.join('\n'))
  return { ...complete, hostname: complete.hostname === '' ? `mail.${complete.domain}` : complete.hostname }
}

/** The mode of the MTA-STS policy; undefined without pages. */
export function pagesOf({ pages, zone }: Choices): 'testing' | 'enforce' | undefined {
  if (pages === 'auto') return zone.startsWith('Z') ? 'testing' : undefined
  return pages === 'none' ? undefined : pages
}

function contradictions({ domain, hostname, zone, pages, events, table }: Choices): string[] {
  if (domain === '') return ['say whose mail it is: -c domain=example.com']
  if (zone !== 'host' && hostname !== '' && !hostname.endsWith(`.${domain}`)) return [`the zone of ${domain} cannot hold the server's name ${hostname}: choose a hostname below the domain, or zone=host`]
  if (events && table !== '') return ['events are read from the stream of the deployment\'s own table: say events=no with a restored one']
  if ((pages === 'testing' || pages === 'enforce') && !zone.startsWith('Z')) return ['pages need the zone of the domain in this account: say zone=ID too, once it answers in public']
  return []
}

/** The functions that such a deployment has. */
export function verbsOf({ mode, events }: Choices): FunctionVerb[] {
  return functionVerbs.filter((verb) => (verb === 'follow-front' ? mode === 'lean' : verb === 'record-events' ? events : true))
}

/** For docs/aws.md: a row for each choice. */
export function choiceRows(): string[] {
  return Object.entries(choices).map(([name, { default: fallback, sentence }]) => `| \`${name}\` | ${showDefault(fallback)} | ${sentence.replaceAll('|', '\\|')} |`)
}

function showDefault(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return typeof value === 'number' || (typeof value === 'string' && value !== '') ? `\`${value}\`` : ''
}

function nearest(name: string): string {
  const near = Object.keys(choices).find((known) => known.toLowerCase().startsWith(name.toLowerCase().slice(0, 2)))
  return near === undefined ? '' : `; did you mean ${near}?`
}

function readText(raw: unknown, shape?: { readonly pattern: RegExp; readonly expected: string }): string {
  const value = typeof raw === 'string' ? raw.trim() : undefined
  if (value === undefined || (shape !== undefined && !shape.pattern.test(value))) throw new Error(`expects ${shape?.expected ?? 'text'}`)
  return value
}

function readWord<T extends string>(raw: unknown, words: readonly T[]): T {
  const word = words.find((one) => one === raw)
  if (word === undefined) throw new Error(`expects ${words.join(' or ')}`)
  return word
}

function readNumber(raw: unknown, least: number, most: number): number {
  const value = typeof raw === 'string' && /^\d+$/.test(raw) ? Number(raw) : raw
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) throw new Error(`expects a whole number from ${least} to ${most}`)
  return value
}

function readFlag(raw: unknown): boolean {
  if (raw === true || raw === 'yes' || raw === 'true') return true
  if (raw === false || raw === 'no' || raw === 'false') return false
  throw new Error('expects yes or no')
}

/** The settings are read here once for their mistakes, so that a wrong one stops the deployment and not the server. */
function readMailSettings(raw: unknown): Readonly<Record<string, string>> {
  const pairs = typeof raw === 'string' ? raw.split(';').map((pair) => /^([^=]*)=(.*)$/s.exec(pair)?.slice(1) ?? [pair, '']) : Object.entries(raw as Record<string, unknown>)
  const lines = pairs.map(([name, value]): [string, string] => [String(name).trim(), String(value).trim()]).filter(([name]) => name !== '')
  const { mistakes } = readConfigText(settingsText(Object.fromEntries(lines)), 'mail')
  if (mistakes.length > 0) throw new Error(`expects settings of the mail system (${mistakes.map(({ message }) => message).join('; ')})`)
  return Object.fromEntries(lines)
}

/** As PENNYPOST_SETTINGS has it: one setting a line. */
export function settingsText(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} = ${value}`)
    .join('\n')
}
