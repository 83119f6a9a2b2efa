/** Commands of sessions.test.ts that change the mailbox. */
import { showFlags, showSet } from './mailboxModel.ts'
import { okWith } from './sessionPlayer.ts'
import type { Player } from './sessionPlayer.ts'

const noWords = 'NO [CANNOT]'

export async function append(player: Player): Promise<void> {
  const { box, scene, model } = player
  const added = Array.from({ length: 1 + scene.random(3) }, (_, at) => ({ flags: new Set([player.flag()]), text: `a: ${at}\r\n` }))
  const uids = box.add(...added)
  model.created(uids)
  await player.say(`APPEND Work${added.map(({ flags, text }) => ` ${showFlags(flags)} {6+}\r\n${text}`).join('')}`, { lines: model.news(true), status: `OK [APPENDUID ${scene.validity} ${showSet(uids)}]` })
}

/** STORE by number and by UID, loud and silent, conditional and not: RFC 9051 §6.4.6, RFC 7162 §3.1.3. */
export async function store(player: Player): Promise<void> {
  const { box, model, scene } = player
  const silent = player.chance(2)
  const action = player.pick(['+', '-', ''])
  const flags = new Set([player.flag(), player.flag()])
  const { uids, set, byUid, there } = player.stretch()
  const bound = model.modes.condstore && player.chance(2) ? Math.max(1, box.sequence - scene.random(6)) : undefined
  const words = `${byUid ? 'UID ' : ''}STORE ${set} ${bound === undefined ? '' : `(UNCHANGEDSINCE ${bound}) `}${action}FLAGS${silent ? '.SILENT' : ''} ${showFlags(flags)}`
  if (model.readOnly) return await player.say(words, { lines: [], status: noWords })
  const failed = there.filter(({ modSeq }) => bound !== undefined && modSeq > bound)
  const tried = there.filter((message) => !failed.includes(message))
  const known = !there.some((message) => model.isNews(message))
  const changed = box.change(tried, (before) => (action === '+' ? new Set([...before, ...flags]) : action === '-' ? new Set([...before].filter((flag) => !flags.has(flag))) : flags))
  if (changed.length > 0 && (!silent || known)) model.knows(box.sequence)
  const lines: string[] = []
  if (!silent) lines.push(...tried.map((message) => model.flagsLine(message)))
  else if (model.modes.condstore) lines.push(...changed.map((message) => model.flagsLine(message, false)))
  if (failed.length === 0 && !byUid && there.length < uids.length) return await player.say(words, { lines, status: 'NO [EXPUNGEISSUED]' })
  const modified = failed.length === 0 ? undefined : `MODIFIED ${showSet(failed.map(({ uid }) => (byUid ? uid : model.number(uid))))}`
  await player.say(words, { lines: [...lines, ...model.news(byUid)], status: okWith(modified) })
}

export async function expunge(player: Player): Promise<void> {
  const { box, model } = player
  const among = player.chance(2) ? undefined : player.stretch().uids
  const words = among === undefined ? 'EXPUNGE' : `UID EXPUNGE ${showSet(among)}`
  if (model.readOnly) return await player.say(words, { lines: [], status: noWords })
  box.expunge(among)
  await player.say(words, { lines: model.news(true, true), status: okWith(highest(player)) })
}

/** RFC 7162 §3.2.10 */
function highest({ model, box }: Player): string | undefined {
  return model.modes.condstore ? `HIGHESTMODSEQ ${box.highest}` : undefined
}

/** COPY and MOVE, to another mailbox or to this one: RFC 9051 §6.4.7 and §6.4.8. */
export async function transfer(player: Player): Promise<void> {
  const { box, model, scene } = player
  const move = player.chance(2)
  const inside = player.chance(3)
  const { set, byUid, there, whole } = player.stretch()
  const words = `${byUid ? 'UID ' : ''}${move ? 'MOVE' : 'COPY'} ${set} ${inside ? 'Work' : 'Sent'}`
  if (move && model.readOnly) return await player.say(words, { lines: [], status: noWords })
  if (!byUid && !whole) return await player.say(words, { lines: [], status: 'NO [EXPUNGEISSUED]' })
  if (there.length === 0) return await player.say(words, { lines: model.news(true, move), status: 'OK' })
  const source = there.map(({ uid }) => uid)
  const target = inside ? box.add(...there) : source.map(() => box.otherNext++)
  if (inside) model.created(target)
  if (!inside) box.sequence++
  if (move) box.take(source)
  if (move) box.highest = box.sequence
  const code = `COPYUID ${inside ? scene.validity : scene.otherValidity} ${showSet(source)} ${showSet(target)}`
  if (!move) return await player.say(words, { lines: model.news(true), status: `OK [${code}]` })
  await player.say(words, { lines: [`OK [${code}] Moved`, ...model.news(true, true)], status: okWith(highest(player)) })
}

/** RFC 8508 */
export async function replace(player: Player): Promise<void> {
  const { box, model, scene } = player
  const uid = player.pick(model.view)
  const flags = new Set([player.flag()])
  const byUid = model.modes.uidOnly || player.chance(2)
  const text = 'a: r\r\n'
  const words = `${byUid ? 'UID ' : ''}REPLACE ${byUid ? uid : model.number(uid)} Work ${showFlags(flags)} {6+}\r\n${text}`
  if (model.readOnly) return await player.say(words, { lines: [], status: noWords })
  if (box.find(uid) === undefined) return await player.say(words, { lines: [], status: byUid ? 'NO [NONEXISTENT]' : 'NO [EXPUNGEISSUED]' })
  const [added = 0] = box.add({ flags, text })
  box.take([uid])
  model.created([added])
  await player.say(words, { lines: [`OK [APPENDUID ${scene.validity} ${added}] Replaced`, ...model.news(true, true)], status: okWith(highest(player)) })
}

/** FETCH of content marks it as seen: RFC 9051 §6.4.5. */
export async function fetchContent(player: Player): Promise<void> {
  const { box, model } = player
  const peek = player.chance(3)
  const { set, byUid, there, whole } = player.stretch()
  const { condstore, uidOnly } = model.modes
  const seen = !peek && !model.readOnly
  const changed = seen ? box.change(there, (before) => new Set([...before, '\\Seen'])) : []
  if (changed.length > 0) model.knows(box.sequence)
  const lines = there.map(({ uid, flags, modSeq, text }) => {
    const items = [...(byUid && !uidOnly ? [`UID ${uid}`] : []), ...(seen ? [`FLAGS ${showFlags(flags)}`] : []), ...(seen && condstore ? [`MODSEQ (${modSeq})`] : [])]
    return `${model.head(uid)}${items.length === 0 ? `UID ${uid}` : items.join(' ')} BODY[] {${text.length}}\r\n${text})`
  })
  const words = `${byUid ? 'UID ' : ''}FETCH ${set} ${peek ? 'BODY.PEEK[]' : 'BODY[]'}`
  if (!byUid && !whole) return await player.say(words, { lines, status: 'NO [EXPUNGEISSUED]' })
  await player.say(words, { lines: [...lines, ...model.news(byUid)], status: 'OK' })
}
