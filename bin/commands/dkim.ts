import type { Command } from 'commander'
import { systemClock } from '#lib/base/clock.ts'
import { makeResolver } from '#lib/base/resolver.ts'
import { showDomain } from '#lib/formats/address/domain.ts'
import { dkimName, dkimText } from '#lib/mail/accounts/dnsRecords.ts'
import type { DkimKey, Domain } from '#lib/mail/accounts/directory.ts'
import { CommandError } from '../commandError.ts'
import { formatTable, printJson, printRows, say, showTime } from '../output.ts'
import { outputOf, withPlace } from '../options.ts'
import type { PlaceOptions } from '../options.ts'
import { inPlace } from '../place.ts'
import type { Place } from '../place.ts'

interface UseOptions extends PlaceOptions {
  readonly unchecked?: boolean
}

export function addDkimCommands(program: Command): void {
  const dkim = program.command('dkim').description('The keys that sign mail of a domain, and new ones in their place.')
  withPlace(dkim.command('list').argument('<domain>').description('The keys of a domain: those that sign, those that wait to, and those that rest.')).action(listKeys)
  withPlace(dkim.command('add').argument('<domain>').description('Makes a pair of keys that wait, and shows their DNS records to publish.')).action(addKeys)
  withPlace(dkim.command('use').argument('<domain>').description('The keys that wait sign from now on, once their records are seen in the DNS; those before rest.'))
    .option('--unchecked', 'without asking the DNS')
    .action(useKeys)
  withPlace(dkim.command('remove').argument('<domain>').argument('[selector...]', 'keys that do not sign; default: all that rest').description('Takes keys away for good; their DNS records may go with them.')).action(removeKeys)
}

async function listKeys(name: string, options: PlaceOptions): Promise<void> {
  const output = outputOf(options)
  const domain = await inPlace(options, (place) => demandDomain(place, name))
  if (output.json) return printJson(output, factsOf(domain))
  printRows(output, domain.dkim.map((key) => ({ selector: key.selector, algorithm: key.algorithm, does: doesOf(key), since: showTime(key.createdAt) })), `${showDomain(domain.name)} has no DKIM keys`)
}

async function addKeys(name: string, options: PlaceOptions): Promise<void> {
  const output = outputOf(options)
  const domain = await inPlace(options, ({ directory }) => directory.addDkimKeys(name))
  const shown = showDomain(domain.name)
  if (output.json) return printJson(output, factsOf(domain))
  output.write(`${shown} has new keys, which sign nothing yet. DNS records to publish:\n\n`)
  output.write(formatTable(domain.dkim.filter(({ use }) => use === 'waits').map((key) => ({ name: `${dkimName(domain.name, key)}.`, type: 'TXT', value: dkimText(key) }))))
  output.write(`\nThen: pennypost dkim use ${shown}\n`)
}

async function useKeys(name: string, { unchecked = false, ...options }: UseOptions): Promise<void> {
  const domain = await inPlace(options, async (place) => {
    if (!unchecked) await demandPublished(place, await demandDomain(place, name))
    return await place.directory.useDkimKeys(name)
  })
  const shown = showDomain(domain.name)
  say(outputOf(options), `the new keys of ${shown} sign from now on; leave the records of the old ones where they are for a week, then: pennypost dkim remove ${shown}`, factsOf(domain))
}

async function removeKeys(name: string, selectors: readonly string[], options: PlaceOptions): Promise<void> {
  const domain = await inPlace(options, ({ directory }) => directory.removeDkimKeys(name, selectors))
  say(outputOf(options), `${showDomain(domain.name)} has these keys now: ${domain.dkim.map(({ selector }) => selector).join(', ')}`, factsOf(domain))
}

async function demandDomain({ directory }: Place, name: string): Promise<Domain> {
  const domain = await directory.domain(name)
  if (domain === undefined) throw new CommandError(`${name} is not a domain here`)
  return domain
}

/** A signature whose key nobody can find is worth less than none. */
async function demandPublished({ config }: Place, { name, dkim }: Domain): Promise<void> {
  const resolver = makeResolver({ ...config.dns, clock: systemClock })
  for (const key of dkim.filter(({ use }) => use === 'waits')) {
    const record = dkimName(name, key)
    const answer = await resolver.txt(record)
    if (answer.status === 'failed') throw new CommandError(`the DNS does not answer for ${record} (${answer.reason}): say this again later; --unchecked does not ask`)
    const found = answer.status === 'found' ? answer.records : []
    if (!found.some((text) => plain(text) === plain(dkimText(key)))) throw new CommandError(`the DNS does not say yet what it must under ${record}: publish the record (pennypost domain show ${showDomain(name)}), wait, and say this again; --unchecked does not ask`)
  }
}

// RFC 6376 §3.2 and §3.6.1: white space around tags and inside a key means nothing.
const plain = (text: string): string => text.replaceAll(/\s+/g, '').replace(/;$/, '')

function factsOf({ name, dkim }: Domain) {
  return { domain: name, keys: dkim.map((key) => ({ selector: key.selector, algorithm: key.algorithm, does: doesOf(key), createdAt: key.createdAt, record: { name: dkimName(name, key), type: 'TXT', value: dkimText(key) } })) }
}

const doesOf = ({ use }: DkimKey): 'signs' | 'waits' | 'rests' => use ?? 'signs'
