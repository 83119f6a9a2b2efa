import type { Command } from 'commander'
import { releaseLater } from '#lib/mail/transit/lifetime.ts'
import { CommandError } from '../commandError.ts'
import { printFacts, printJson, printRows, say } from '../output.ts'
import { outputOf, withPlace } from '../options.ts'
import type { PlaceOptions } from '../options.ts'
import { inPlace } from '../place.ts'
import type { Place } from '../place.ts'
import { factsOf, listMail } from '../queueFacts.ts'
import type { Found, RecipientFacts } from '../queueFacts.ts'

/** Changes one note; false when it is in hand or gone. */
type Act = (place: Place, found: Found) => Promise<boolean>

const acts: readonly (readonly [word: string, done: string, sentence: string, act: Act])[] = [
  ['retry', 'is tried now', 'Tries the message now, be it waiting, held or dead.', (place, { queue, note }) => place.engine.queue.retime(queue, note.id, Date.now())],
  ['hold', 'is held', 'Keeps the message in the queue until it is retried.', (place, { queue, note }) => place.engine.queue.hold(queue, note.id)],
  ['drop', 'is dropped', 'Forgets the message: nobody gets it and no bounce is sent.', drop],
]

export function addQueueCommands(program: Command): void {
  const queue = program.command('queue').description('Mail on its way: what waits, why, since when, when next.')
  withPlace(queue.command('list').description('Every message that waits, is in hand, is held, or is dead.')).action(listQueue)
  withPlace(queue.command('show').argument('<id>', 'queue id or note id').description('One message in transit, recipient by recipient.')).action(showQueued)
  for (const [word, done, sentence, act] of acts)
    withPlace(queue.command(word).argument('<id>', 'queue id or note id, or "all"').description(sentence)).action((id: string, options: PlaceOptions) => actOn(done, act, id, options))
}

/** A blob that the message shares with others in transit goes with the last of them. */
async function drop({ engine }: Place, { queue, note, mail }: Found): Promise<boolean> {
  const dropped = await engine.queue.drop(queue, note.id)
  if (dropped && mail !== undefined) for (const release of releaseLater(mail.content, note.id, Date.now(), 0)) await engine.queue.send(release.queue, [release.note])
  return dropped
}

async function listQueue(options: PlaceOptions): Promise<void> {
  const found = (await inPlace(options, listMail)).map(factsOf)
  const output = outputOf(options)
  if (output.json) return printJson(output, found)
  const rows = found.map(({ id, queue, state, since, next, tries, size, from, to, why }) => ({ id, queue, state, since, next, tries, size, from, to: to.map(({ address }) => address).join(', ').slice(0, 60), why: why?.slice(0, 100) }))
  printRows(output, rows, 'nothing waits')
}

async function showQueued(id: string, options: PlaceOptions): Promise<void> {
  const found = (await inPlace(options, (place) => matching(place, id))).map(factsOf)
  const output = outputOf(options)
  if (output.json) return printJson(output, found)
  for (const [index, { to, ...facts }] of found.entries()) {
    if (index > 0) output.write('\n')
    printFacts(output, facts)
    for (const recipient of to) output.write(`  to ${recipient.address}: ${progressOf(recipient)}\n`)
  }
}

function progressOf({ status, reply, host }: RecipientFacts): string {
  return (status ?? 'not tried yet') + (reply === undefined ? '' : ` (${host ?? 'here'}: ${reply.replaceAll('\n', ' ')})`)
}

/** Asked of the server side by side. */
const actsAtOnce = 8

async function actOn(words: string, act: Act, id: string, options: PlaceOptions): Promise<void> {
  const acted = await inPlace(options, async (place) => {
    const found = id === 'all' ? await listMail(place) : await matching(place, id)
    const acted: { readonly id: string; readonly done: boolean }[] = []
    for (let at = 0; at < found.length; at += actsAtOnce) acted.push(...(await Promise.all(found.slice(at, at + actsAtOnce).map(async (one) => ({ id: one.note.id, done: await act(place, one) })))))
    return acted
  })
  if (acted.some(({ done }) => !done)) process.exitCode = 1
  const lines = acted.map((one) => `${one.id} ${one.done ? words : 'is in hand just now or gone; nothing was changed'}`)
  say(outputOf(options), lines.length === 0 ? 'nothing waits' : lines.join('\n'), acted)
}

async function matching(place: Place, id: string): Promise<Found[]> {
  const found = (await listMail(place)).filter(({ note, mail }) => note.id === id || mail?.queueId === id)
  if (found.length === 0) throw new CommandError(`nothing with the id ${id} waits in a queue`)
  return found
}
