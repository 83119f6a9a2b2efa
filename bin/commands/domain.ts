import { hostname as machineName } from 'node:os'
import { Option } from 'commander'
import type { Command } from 'commander'
import { showAddress } from '#lib/formats/address/address.ts'
import { showDomain } from '#lib/formats/address/domain.ts'
import type { Domain, Smarthost } from '#lib/mail/accounts/directory.ts'
import { askSecret, confirm } from '../ask.ts'
import { CommandError } from '../commandError.ts'
import { formatTable, printFacts, printJson, printRows, say, showBytes, showTime } from '../output.ts'
import { outputOf, withPlace } from '../options.ts'
import type { PlaceOptions } from '../options.ts'
import { inPlace } from '../place.ts'
import type { Place } from '../place.ts'
import { readHostPortOrNone, readOrNone, readQuota, readScore } from '../readers.ts'
import type { Choice, HostPort } from '../readers.ts'

interface ChangeOptions extends PlaceOptions {
  readonly catchAll?: Choice<string>
  readonly postmaster?: Choice<string>
  readonly quota?: Choice<number>
  readonly dmarc?: 'obey' | 'mark'
  readonly junkScore?: Choice<number>
  readonly refuseScore?: Choice<number>
  readonly smarthost?: Choice<HostPort>
  readonly smarthostUser?: string
  readonly smarthostTls?: Smarthost['tls']
  readonly passwordStdin?: boolean
}

interface RemoveOptions extends PlaceOptions {
  readonly force?: boolean
  readonly deleteMail?: boolean
  readonly yes?: boolean
}

export function addDomainCommands(program: Command): void {
  const domain = program.command('domain').description('The domains whose mail is handled here.')
  withPlace(withChanges(domain.command('add').argument('<domain>').description('Takes on a domain and makes its DKIM keys.'))).action(addDomain)
  withPlace(withChanges(domain.command('set').argument('<domain>').description('Changes what was said of a domain; what is not named stays.'))).action(setDomain)
  withPlace(domain.command('list').description('Every domain.')).action(listDomains)
  withPlace(domain.command('show').argument('<domain>').description('One domain, and every DNS record to publish for it.'))
    .option('--hostname <name>', 'the name of the server in the records; default: server.hostname, or the name of this machine')
    .action(showOneDomain)
  withPlace(domain.command('remove').argument('<domain>').description('Gives up a domain. Mail is kept unless --delete-mail is said.'))
    .option('--force', 'also when it has users or aliases: they are removed with it')
    .option('--delete-mail', 'delete the mail of its users')
    .option('--yes', 'do not ask')
    .action(removeDomain)
}

function withChanges(command: Command): Command {
  return command
    .option('--catch-all <address>', 'who gets mail for unknown addresses; "none" refuses it', readOrNone)
    .option('--postmaster <address>', 'who gets mail for postmaster and abuse; default: the first user', readOrNone)
    .option('--quota <size>', 'what all its users may hold together, such as "10 GiB"; "none" or "default"', readQuota)
    .addOption(new Option('--dmarc <what>', 'when a DMARC check fails: obey the policy of the sender, or only mark the message').choices(['obey', 'mark']))
    .option('--junk-score <number>', 'spam score from which mail goes to Junk, or "default"', readScore)
    .option('--refuse-score <number>', 'spam score from which mail is refused, or "default"', readScore)
    .option('--smarthost <host:port>', 'send through this server instead of by MX; "none" ends that', readHostPortOrNone)
    .option('--smarthost-user <name>', 'log in there; the password is asked for')
    .addOption(new Option('--smarthost-tls <how>', 'default: implicit on port 465, else starttls').choices(['starttls', 'implicit', 'none']))
    .option('--password-stdin', 'read the password of the smarthost from standard input')
}

/** What the options say, as the directory takes it. A password is asked for only when there is a login. */
async function changeOf(options: ChangeOptions) {
  const { catchAll, postmaster, quota, dmarc, junkScore, refuseScore } = options
  const smarthost = await smarthostOf(options)
  return {
    ...(catchAll === undefined ? {} : { catchAll: catchAll.is }),
    ...(postmaster === undefined ? {} : { postmaster: postmaster.is }),
    ...(quota === undefined ? {} : { quotaBytes: quota.is }),
    ...(dmarc === undefined ? {} : { dmarc }),
    ...(junkScore === undefined ? {} : { junkScore: junkScore.is }),
    ...(refuseScore === undefined ? {} : { refuseScore: refuseScore.is }),
    ...(smarthost === undefined ? {} : { smarthost }),
  }
}

async function smarthostOf({ smarthost: choice, smarthostUser, smarthostTls, passwordStdin }: ChangeOptions): Promise<Smarthost | null | undefined> {
  const smarthost = choice?.is
  if (smarthost === undefined || smarthost === null) {
    if (smarthostUser !== undefined || smarthostTls !== undefined) throw new CommandError('--smarthost-user and --smarthost-tls need --smarthost HOST:PORT')
    return smarthost
  }
  const tls = smarthostTls ?? (smarthost.port === 465 ? 'implicit' : 'starttls')
  if (smarthostUser === undefined) return { ...smarthost, tls }
  const password = await askSecret(`Password of ${smarthostUser} at ${smarthost.host}: `, passwordStdin === undefined ? {} : { passwordStdin })
  return { ...smarthost, tls, login: smarthostUser, password }
}

async function addDomain(name: string, options: ChangeOptions): Promise<void> {
  const change = await changeOf(options)
  await inPlace(
    options,
    async (place) => {
      const domain = await place.directory.addDomain({ name, ...change })
      const shown = showDomain(domain.name)
      say(outputOf(options), `${shown} is taken on. Its DNS records: pennypost domain show ${shown}`, await factsOf(place, domain))
    },
    'make',
  )
}

async function setDomain(name: string, options: ChangeOptions): Promise<void> {
  const change = await changeOf(options)
  if (Object.keys(change).length === 0) throw new CommandError('nothing to change: say what with an option (add --help for what is possible)')
  await inPlace(options, async (place) => {
    const domain = await place.directory.changeDomain(name, change)
    say(outputOf(options), `${showDomain(domain.name)} is changed`, await factsOf(place, domain))
  })
}

async function listDomains(options: PlaceOptions): Promise<void> {
  const output = outputOf(options)
  const found = await inPlace(options, async (place) => {
    const domains: Facts[] = []
    for (const domain of await place.directory.listDomains()) domains.push(await factsOf(place, domain))
    return domains
  })
  if (output.json) return printJson(output, found)
  const rows = found.map((one) => ({ domain: showDomain(one.name), users: one.users, aliases: one.aliases, used: showBytes(one.usedBytes), quota: showQuota(one.quotaBytes), 'catch-all': one.catchAll && showAddress(one.catchAll), smarthost: one.smarthost && `${one.smarthost.host}:${one.smarthost.port}` }))
  printRows(output, rows, 'there is no domain yet: pennypost domain add example.com')
}

async function showOneDomain(name: string, options: PlaceOptions): Promise<void> {
  const output = outputOf(options)
  await inPlace(options, async (place) => {
    const hostname = place.config.server.hostname || machineName()
    const records = await place.directory.dnsRecords(name, hostname)
    const domain = await place.directory.domain(name)
    if (domain === undefined) throw new CommandError(`${name} is not a domain here`)
    const facts = await factsOf(place, domain)
    if (output.json) return printJson(output, { ...facts, dnsRecords: records })
    printFacts(output, factsForPeople(facts))
    if (!hostname.includes('.')) output.write(`\nThe records name this server ${hostname}, which is no full host name: set server.hostname, or say --hostname.\n`)
    output.write('\nDNS records to publish, as in a zone file:\n\n')
    output.write(formatTable(records.map(({ name: owner, type, value }) => ({ name: owner.startsWith('<') ? owner : `${owner}.`, type, value }))))
  })
}

async function removeDomain(name: string, options: RemoveOptions): Promise<void> {
  const { force = false, deleteMail = false } = options
  await inPlace(options, async (place) => {
    const domain = await place.directory.domain(name)
    if (domain === undefined) throw new CommandError(`${name} is not a domain here`)
    const { users, aliases } = await factsOf(place, domain)
    const shown = showDomain(domain.name)
    await confirm(`Remove ${shown} with its DKIM keys${force ? `, ${users} users and ${aliases} aliases` : ''}; ${deleteMail ? 'mail is DELETED' : 'mail is kept'}?`, options)
    await place.directory.removeDomain(name, { force, ...(deleteMail ? { deleteMail: (id: string) => place.mailStore.deleteAccount(id) } : {}) })
    say(outputOf(options), `${shown} is removed; ${deleteMail ? 'mail of its users is deleted' : 'mail of its users is kept'}`, { removed: domain.name, mailDeleted: deleteMail })
  })
}

type Facts = Awaited<ReturnType<typeof factsOf>>

/** Without its secrets: private keys, the smarthost's password, the SRS secret. */
async function factsOf({ directory }: Place, { name, smarthost, dkim, ...domain }: Domain) {
  return {
    name,
    users: (await directory.listUsers(name)).length,
    aliases: (await directory.listAliases(name)).length,
    usedBytes: await directory.domainUsage(name),
    quotaBytes: domain.quotaBytes,
    catchAll: domain.catchAll,
    postmaster: domain.postmaster,
    dmarc: domain.dmarc,
    junkScore: domain.junkScore ?? null,
    refuseScore: domain.refuseScore ?? null,
    smarthost: smarthost && { host: smarthost.host, port: smarthost.port, tls: smarthost.tls, login: smarthost.login ?? null },
    dkim: dkim.map(({ selector, algorithm, use = 'signs' }) => ({ selector, algorithm, does: use })),
    createdAt: domain.createdAt,
  }
}

function factsForPeople(facts: Facts) {
  const { smarthost } = facts
  return {
    domain: showDomain(facts.name),
    users: facts.users,
    aliases: facts.aliases,
    used: showBytes(facts.usedBytes),
    quota: showQuota(facts.quotaBytes),
    'catch-all': facts.catchAll && showAddress(facts.catchAll),
    postmaster: facts.postmaster && showAddress(facts.postmaster),
    dmarc: facts.dmarc,
    'junk score': facts.junkScore ?? 'default',
    'refuse score': facts.refuseScore ?? 'default',
    smarthost: smarthost && `${smarthost.host}:${smarthost.port} (TLS ${smarthost.tls}${smarthost.login === null ? '' : `, as ${smarthost.login}`})`,
    'DKIM keys': facts.dkim.map(({ selector, algorithm, does }) => `${selector} (${algorithm}${does === 'signs' ? '' : `, ${does}`})`).join(', '),
    since: showTime(facts.createdAt),
  }
}

const showQuota = (bytes: number | null): string => (bytes === null ? 'default' : bytes === 0 ? 'none' : showBytes(bytes))
