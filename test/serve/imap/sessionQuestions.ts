/** Commands of sessions.test.ts that ask, and those that open and close the mailbox. */
import assert from 'node:assert/strict'
import { showFlags, showSet } from './mailboxModel.ts'
import type { Message, Notify } from './mailboxModel.ts'
import { notifyWords, okWith } from './sessionPlayer.ts'
import type { Player } from './sessionPlayer.ts'

export async function noop(player: Player): Promise<void> {
  await player.say('NOOP', { lines: player.model.news(true), status: 'OK' })
}

/** FETCH of flags, all or those changed since: RFC 7162 §3.1.4 and §3.2.6. */
export async function fetchFlags(player: Player): Promise<void> {
  const { box, model, scene } = player
  const { condstore, qresync } = model.modes
  const { uids, set: written, byUid, there, whole } = player.stretch()
  const since = condstore && player.chance(2) ? Math.max(1, box.sequence - scene.random(8)) : undefined
  const vanished = since !== undefined && byUid && qresync && player.chance(2)
  const told = there.filter(({ modSeq }) => since === undefined || modSeq > since)
  const first = uids[0] ?? 1
  const last = uids.at(-1) ?? 1
  const set = vanished ? `${first}:${last}` : written
  const gone = vanished ? box.vanishedSince(since).filter((uid) => uid >= first && uid <= last && !model.view.includes(uid)) : []
  const lines = [...(gone.length > 0 ? [`VANISHED (EARLIER) ${showSet(gone)}`] : []), ...told.map((message) => flagsOf(player, message))]
  const words = `${byUid ? 'UID ' : ''}FETCH ${set} (UID FLAGS)${since === undefined ? '' : ` (CHANGEDSINCE ${since}${vanished ? ' VANISHED' : ''})`}`
  // Which of those that are gone had changed, nobody can tell: only a FETCH of all misses them.
  if (!byUid && since === undefined && !whole) return await player.say(words, { lines, status: 'NO [EXPUNGEISSUED]' })
  await player.say(words, { lines: [...lines, ...model.news(byUid)], status: 'OK' })
}

function flagsOf({ model }: Player, { uid, flags, modSeq }: Message): string {
  return `${model.head(uid)}${model.modes.condstore ? `MODSEQ (${modSeq}) ` : ''}UID ${uid} FLAGS ${showFlags(flags)})`
}

/** RFC 9394 §3.3: pages are counted in what the client knows of. */
export async function fetchPage(player: Player): Promise<void> {
  const { model, box, scene } = player
  const first = 1 + scene.random(4)
  const last = first + scene.random(4)
  const page = player.chance(2) ? { range: `-${last}:-${first}`, uids: model.view.slice(Math.max(model.view.length - last, 0), Math.max(model.view.length - first + 1, 0)) } : { range: `${first}:${last}`, uids: model.view.slice(first - 1, last) }
  const there = page.uids.map((uid) => box.find(uid)).filter((message) => message !== undefined)
  await player.say(`UID FETCH 1:* (UID FLAGS) (PARTIAL ${page.range})`, { lines: [...there.map((message) => flagsOf(player, message)), ...model.news(true)], status: 'OK' })
}

/** RFC 7162 §3.1: asking for a mod-sequence turns CONDSTORE on. */
export async function fetchModSeq(player: Player): Promise<void> {
  const { model, box } = player
  const { set, byUid, there, whole } = player.stretch()
  const first = model.modes.condstore ? [] : [`OK [HIGHESTMODSEQ ${box.highest}] CONDSTORE is on`]
  model.modes.condstore = true
  const lines = [...first, ...there.map(({ uid, modSeq }) => `${model.head(uid)}${byUid && !model.modes.uidOnly ? `UID ${uid} ` : ''}MODSEQ (${modSeq}))`)]
  const words = `${byUid ? 'UID ' : ''}FETCH ${set} (MODSEQ)`
  if (!byUid && !whole) return await player.say(words, { lines, status: 'NO [EXPUNGEISSUED]' })
  await player.say(words, { lines: [...lines, ...model.news(byUid)], status: 'OK' })
}

/** What messages that the client knows of are now, whatever it was told of them. */
function criterion(player: Player): { key: string; fits: (message: Message) => boolean; modSeq: boolean } {
  const { model, box, scene } = player
  const flag = player.pick(['$A', '$B'])
  const since = Math.max(1, box.sequence - scene.random(10))
  const { set, uids, byUid } = player.stretch()
  return player.pick([
    { key: `KEYWORD ${flag}`, fits: ({ flags }: Message) => flags.has(flag), modSeq: false },
    { key: `UNSEEN UNKEYWORD ${flag}`, fits: ({ flags }: Message) => !flags.has('\\Seen') && !flags.has(flag), modSeq: false },
    { key: 'OR DELETED NOT FLAGGED', fits: ({ flags }: Message) => flags.has('\\Deleted') || !flags.has('\\Flagged'), modSeq: false },
    { key: `${byUid ? 'UID ' : ''}${set} SEEN`, fits: ({ uid, flags }: Message) => uids.includes(uid) && flags.has('\\Seen'), modSeq: false },
    { key: 'HEADER A 1', fits: ({ text }: Message) => text.includes('1'), modSeq: false },
    ...(model.modes.condstore ? [{ key: `MODSEQ ${since}`, fits: ({ modSeq }: Message) => modSeq >= since, modSeq: true }] : []),
  ])
}

export async function search(player: Player): Promise<void> {
  const { box, model, scene } = player
  const byUid = model.modes.uidOnly || player.chance(2)
  const { key, fits, modSeq } = criterion(player)
  const found = box.messages.filter((message) => model.view.includes(message.uid) && fits(message))
  const numbers = found.map(({ uid }) => (byUid ? uid : model.number(uid)))
  const head = `ESEARCH (TAG "${player.client.nextTag}")${byUid ? ' UID' : ''}`
  // RFC 7162 §3.1.5: of what was found, the highest.
  const tail = (of: readonly Message[]) => (modSeq && found.length > 0 ? ` MODSEQ ${Math.max(...of.map((one) => one.modSeq))}` : '')
  const all = numbers.length === 0 ? '' : ` ALL ${showSet(numbers)}`
  const ends = numbers.length === 0 ? '' : ` MIN ${numbers[0] ?? 0} MAX ${numbers.at(-1) ?? 0}`
  const ways: { returns: string; line: string | undefined; saved?: readonly Message[] }[] = [
    { returns: '', line: model.modes.rev2 ? `${head}${all}${tail(found)}` : `SEARCH${numbers.map((number) => ` ${number}`).join('')}${modSeq && found.length > 0 ? ` (${tail(found).trim()})` : ''}` },
    { returns: 'RETURN () ', line: `${head}${all}${tail(found)}` },
    { returns: 'RETURN (MIN MAX COUNT) ', line: `${head}${ends} COUNT ${numbers.length}${tail(found)}` },
    { returns: 'RETURN (SAVE) ', line: undefined, saved: found },
    // RFC 9051 §6.4.4.1 and RFC 7162 §3.1.10: what MIN and MAX name.
    { returns: 'RETURN (SAVE MIN MAX) ', line: `${head}${ends}${tail([...found.slice(0, 1), ...found.slice(-1)])}`, saved: [...new Set([...found.slice(0, 1), ...found.slice(-1)])] },
    { returns: 'RETURN (PARTIAL -1:-2) ', line: `${head} PARTIAL (-1:-2 ${showSet(numbers.slice(-2)) || 'NIL'})${tail(found.slice(-2))}` },
  ]
  const { returns, line, saved } = player.pick(ways)
  if (saved !== undefined) model.saved = saved.map(({ uid }) => uid)
  await player.say(`${byUid ? 'UID ' : ''}SEARCH ${returns}${key}`, { lines: [...(line === undefined ? [] : [line]), ...model.news(byUid)], status: 'OK' })
  // One in four goes on with what was saved.
  if (saved !== undefined && scene.random(4) === 0) await fetchSaved(player)
}

/** `$` after others have expunged: what is gone is passed over (RFC 9051 §6.4.4.1). */
export async function fetchSaved(player: Player): Promise<void> {
  const { box, model } = player
  const there = model.saved.filter((uid) => model.view.includes(uid)).map((uid) => box.find(uid)).filter((message) => message !== undefined)
  await player.say('UID FETCH $ (UID)', { lines: [...there.map(({ uid }) => `${model.head(uid)}UID ${uid})`), ...model.news(true)], status: 'OK' })
}

/** RFC 7377 */
export async function searchByName(player: Player): Promise<void> {
  const { box, model, scene } = player
  const found = box.messages.filter(({ uid, flags }) => model.view.includes(uid) && flags.has('\\Seen'))
  const line = `ESEARCH (TAG "${player.client.nextTag}" MAILBOX Work UIDVALIDITY ${scene.validity}) UID ALL ${showSet(found.map(({ uid }) => uid))}`
  await player.say('ESEARCH IN (mailboxes Work) SEEN', { lines: [...(found.length === 0 ? [] : [line]), ...model.news(true)], status: 'OK' })
}

export async function status(player: Player): Promise<void> {
  const { box, model } = player
  const unseen = box.messages.filter(({ flags }) => !flags.has('\\Seen')).length
  const deleted = box.messages.filter(({ flags }) => flags.has('\\Deleted')).length
  const { condstore } = model.modes
  const line = `STATUS Work (MESSAGES ${box.messages.length} UIDNEXT ${box.uidNext} UNSEEN ${unseen} DELETED ${deleted} SIZE ${6 * box.messages.length}${condstore ? ` HIGHESTMODSEQ ${box.highest}` : ''})`
  await player.say(`STATUS Work (MESSAGES UIDNEXT UNSEEN DELETED SIZE${condstore ? ' HIGHESTMODSEQ' : ''})`, { lines: [line, ...model.news(true)], status: 'OK' })
}

/** NOTIFY again, and what was held back until now: RFC 5465 §3. */
export async function notify(player: Player): Promise<void> {
  const { model } = player
  const next: Notify | 'none' = player.chance(3) ? 'none' : { filter: player.pick(['selected', 'selected-delayed']), items: player.chance(2), flags: player.chance(2) }
  const lines = model.news(true)
  model.modes.notify = next
  await player.say(notifyWords(next), { lines: [...lines, ...model.news(true)], status: 'OK' })
}

// ---------------------------------------------------------------- the mailbox is opened and closed

const system = '\\Answered \\Flagged \\Deleted \\Seen \\Draft'

/** Opens the mailbox, as one who comes back: RFC 9051 §6.3.2, RFC 7162 §3.2.5. Every line is foretold. */
export async function select(player: Player, wasSelected = true): Promise<void> {
  const { box, model, scene } = player
  const { qresync, rev2, uidOnly } = model.modes
  const readOnly = player.chance(5)
  const since = qresync ? Math.max(1, box.sequence - scene.random(12)) : undefined
  const known = since !== undefined && player.chance(2) ? scene.random(box.uidNext) : undefined
  model.select(readOnly)
  const unseen = box.messages.findIndex(({ flags }) => !flags.has('\\Seen'))
  const lines = [
    ...(wasSelected ? ['OK [CLOSED] The mailbox before is closed'] : []),
    `FLAGS (${system} $A $B)`,
    readOnly ? 'OK [PERMANENTFLAGS ()] Nothing can be changed' : `OK [PERMANENTFLAGS (${system} $A $B \\*)] All flags are kept`,
    `${box.messages.length} EXISTS`,
    ...(rev2 ? [] : ['0 RECENT']),
    ...(rev2 || uidOnly || unseen < 0 ? [] : [`OK [UNSEEN ${unseen + 1}] First unseen message`]),
    `OK [UIDVALIDITY ${scene.validity}] UIDs are valid`,
    `OK [UIDNEXT ${box.uidNext}] Next UID`,
    `OK [HIGHESTMODSEQ ${box.highest}] Highest mod-sequence`,
    `OK [MAILBOXID (${scene.mailboxId})] Mailbox id`,
    ...(rev2 ? ['LIST (\\HasNoChildren) "/" Work'] : []),
    ...(since === undefined ? [] : changesSince(player, since, known)),
  ]
  await player.say(`${readOnly ? 'EXAMINE' : 'SELECT'} Work${since === undefined ? '' : ` (QRESYNC (${scene.validity} ${since}${known === undefined ? '' : ` 1:${known + 1}`}))`}`, { lines, status: readOnly ? 'OK [READ-ONLY]' : 'OK [READ-WRITE]' })
}

function changesSince({ box, model }: Player, since: number, known = Infinity): string[] {
  const gone = box.vanishedSince(since).filter((uid) => uid <= known + 1)
  const changed = box.messages.filter(({ uid, modSeq }) => modSeq > since && uid <= known + 1)
  return [...(gone.length > 0 ? [`VANISHED (EARLIER) ${showSet(gone)}`] : []), ...changed.map((message) => model.flagsLine(message))]
}

export async function reselect(player: Player): Promise<void> {
  const { box, model } = player
  const way = player.pick(['SELECT', 'CLOSE', 'UNSELECT', 'lost'])
  if (way === 'lost') await player.comeBack()
  if (way === 'UNSELECT') await player.say(way, { lines: [], status: 'OK' })
  if (way === 'CLOSE') {
    const gone = model.readOnly ? [] : box.expunge()
    // RFC 7162 §3.2.8
    await player.say(way, { lines: [], status: okWith(gone.length > 0 && model.modes.condstore ? `HIGHESTMODSEQ ${box.highest}` : undefined) })
  }
  await select(player, way === 'SELECT')
}

export async function beginIdle(player: Player): Promise<void> {
  player.client.send('idle IDLE\r\n')
  assert.equal(await player.client.response(), '+ idling')
  player.idle = true
  await player.listen()
}

export async function endIdle(player: Player): Promise<void> {
  player.client.send('DONE\r\n')
  assert.equal(await player.client.response(), 'idle OK IDLE completed')
  player.idle = false
}
