import type { Command } from 'commander'
import { showAddress } from '#lib/formats/address/address.ts'
import { forgetIndexes } from '#lib/mail/mailbox/textIndex/forget.ts'
import { demandUser } from '../accounts.ts'
import { outputOf, withPlace } from '../options.ts'
import type { PlaceOptions } from '../options.ts'
import { say } from '../output.ts'
import { inPlace } from '../place.ts'
import type { Place } from '../place.ts'

export function addReindexCommand(mailbox: Command): void {
  withPlace(mailbox.command('reindex').argument('<user...>', 'user@domain, one or more').description('Throws the search index of accounts away; the next search builds it anew, while the server goes on.')).action(reindex)
}

async function reindex(users: readonly string[], options: PlaceOptions): Promise<void> {
  const forgotten = await inPlace(options, async (place) => {
    const done: { user: string; pieces: number }[] = []
    for (const user of users) done.push(await forgetOne(place, user))
    return done
  })
  for (const { user, pieces } of forgotten) say(outputOf(options), pieces === 0 ? `${user} had no index` : `${user}: ${pieces} pieces of the index are gone`, { user, pieces })
}

async function forgetOne(place: Place, user: string): Promise<{ user: string; pieces: number }> {
  const account = await demandUser(place, user)
  return { user: showAddress(account.address), pieces: await forgetIndexes(place.engine, account.id) }
}
