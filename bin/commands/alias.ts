import type { Command } from 'commander'
import { showAddress } from '#lib/formats/address/address.ts'
import { printJson, printRows, say } from '../output.ts'
import { outputOf, withPlace } from '../options.ts'
import type { PlaceOptions } from '../options.ts'
import { inPlace } from '../place.ts'

export function addAliasCommands(program: Command): void {
  const alias = program.command('alias').description('Addresses that stand for others, here or elsewhere.')
  withPlace(alias.command('add').argument('<address>', 'the alias').argument('<targets...>', 'who gets its mail').description('Makes an alias. Local targets may send as the alias.')).action(addAlias)
  withPlace(alias.command('list').argument('[domain]', 'only aliases of this domain').description('Every alias.')).action(listAliases)
  withPlace(alias.command('remove').argument('<address>', 'the alias').description('Removes an alias; its targets stay.')).action(removeAlias)
}

async function addAlias(address: string, targets: readonly string[], options: PlaceOptions): Promise<void> {
  const { alias, astray } = await inPlace(options, async ({ directory }) => {
    const made = await directory.addAlias({ address, targets })
    const found = await Promise.all(made.targets.map(async (target) => ({ target, kind: (await directory.resolveRecipient(target)).kind })))
    return { alias: made, astray: found.filter(({ kind }) => kind === 'unknown').map(({ target }) => showAddress(target)) }
  })
  // Not refused: aliases and users are made in any order.
  const warning = astray.length === 0 ? '' : `; nobody is here under ${astray.join(', ')} yet, so no mail gets there`
  say(outputOf(options), `${showAddress(alias.address)} leads to ${alias.targets.map(showAddress).join(', ')}${warning}`, alias)
}

async function listAliases(domain: string | undefined, options: PlaceOptions): Promise<void> {
  const output = outputOf(options)
  const aliases = await inPlace(options, ({ directory }) => directory.listAliases(domain))
  if (output.json) return printJson(output, aliases)
  printRows(output, aliases.map((alias) => ({ alias: showAddress(alias.address), targets: alias.targets.map(showAddress).join(', ') })), 'there is no alias')
}

async function removeAlias(address: string, options: PlaceOptions): Promise<void> {
  await inPlace(options, ({ directory }) => directory.removeAlias(address))
  say(outputOf(options), `${address} is removed`, { removed: address })
}
