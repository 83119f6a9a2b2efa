/**
 * Two, ten and a hundred sessions on one mailbox, each in its own mode, with commands drawn by seed. Commands come one
 * after the other, so that a model foretells every line of every answer; sessions that idle or asked for notifications are
 * listened to after each.
 */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Client } from './client.ts'
import { MailboxModel, SessionModel, showFlags, showSet } from './mailboxModel.ts'
import type { Expected, Message, Modes } from './mailboxModel.ts'
import { openStage } from './stage.ts'

const stage = await openStage({ imap: { maxConnectionsPerAddress: 0 } })
after(() => stage.stop(0))

type Random = (below: number) => number

function makeRandom(seed: number): Random {
  let state = seed
  return (below) => {
    // xorshift32
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

const flagNames = ['\\Seen', '\\Flagged', '\\Deleted', '$A', '$B']
const allModes: readonly Modes[] = [
  { condstore: false, qresync: false, uidOnly: false, notify: undefined },
  { condstore: true, qresync: false, uidOnly: false, notify: undefined },
  { condstore: true, qresync: true, uidOnly: false, notify: undefined },
  { condstore: false, qresync: false, uidOnly: true, notify: undefined },
  { condstore: true, qresync: true, uidOnly: true, notify: undefined },
  { condstore: false, qresync: false, uidOnly: false, notify: 'selected-delayed' },
  { condstore: true, qresync: true, uidOnly: false, notify: 'selected' },
  { condstore: false, qresync: false, uidOnly: true, notify: 'selected-delayed' },
]

interface Scene {
  readonly box: MailboxModel
  readonly validity: number
  readonly random: Random
}

type Action = (player: Player) => Promise<void> | void

class Player {
  readonly client: Client
  readonly model: SessionModel
  readonly scene: Scene
  idle = false
  /** The highest mod-sequence heard of each message, and of the mailbox. */
  readonly #heard = new Map<string, number>()

  constructor(client: Client, model: SessionModel, scene: Scene) {
    this.client = client
    this.model = model
    this.scene = scene
  }

  get box(): MailboxModel {
    return this.scene.box
  }

  pick<T>(list: readonly T[]): T {
    const one = list[this.scene.random(list.length)]
    if (one === undefined) throw new Error('nothing to choose from')
    return one
  }

  flag(): string {
    return this.pick(flagNames)
  }

  /** A stretch of what the client counts: UIDs, those that are gone included. */
  stretch(): number[] {
    const { view } = this.model
    const low = this.scene.random(view.length)
    return view.slice(low, low + 1 + this.scene.random(4))
  }

  async say(words: string, expected: Expected): Promise<void> {
    const { status, text, untagged } = await this.client.command(words)
    const code = /^(\[[^\]]*\])/.exec(text)?.[1]
    assert.deepEqual({ lines: untagged, status: code === undefined ? status : `${status} ${code}` }, expected, words)
    for (const line of [...untagged, text]) this.#hearModSeqs(line)
  }

  async listen(): Promise<void> {
    for (const line of this.model.unasked(this.idle)) {
      assert.equal(await this.client.response(), `* ${line}`)
      this.#hearModSeqs(line)
    }
  }

  /** RFC 7162 §3.1.2: a mod-sequence never goes back. */
  #hearModSeqs(line: string): void {
    const [, uid, modSeq] = /UID (\d+).*MODSEQ \((\d+)\)/.exec(line) ?? /^(\d+) UIDFETCH.*MODSEQ \((\d+)\)/.exec(line) ?? []
    const highest = /HIGHESTMODSEQ (\d+)/.exec(line)?.[1]
    for (const [key, value] of [[uid, modSeq], ['highest', highest]] as const) {
      if (key === undefined || value === undefined) continue
      assert.ok(Number(value) >= (this.#heard.get(key) ?? 0), line)
      this.#heard.set(key, Number(value))
    }
  }
}

const okWith = (code: string | undefined): string => (code === undefined ? 'OK' : `OK [${code}]`)

// ---------------------------------------------------------------- commands

async function noop(player: Player): Promise<void> {
  await player.say('NOOP', { lines: player.model.news(true), status: 'OK' })
}

async function append(player: Player): Promise<void> {
  const { box, scene, model } = player
  const sets = Array.from({ length: 1 + scene.random(3) }, () => new Set([player.flag()]))
  const uids = box.add(...sets)
  await player.say(`APPEND Work${sets.map((flags) => ` ${showFlags(flags)} {6+}\r\na: b\r\n`).join('')}`, { lines: model.news(true), status: `OK [APPENDUID ${scene.validity} ${showSet(uids)}]` })
}

/** STORE by number and by UID, loud and silent, conditional and not: RFC 9051 §6.4.6, RFC 7162 §3.1.3. */
async function store(player: Player): Promise<void> {
  const { box, model, scene } = player
  const byUid = model.modes.uidOnly || scene.random(2) === 0
  const silent = scene.random(2) === 0
  const action = player.pick(['+', '-', ''])
  const flags = new Set([player.flag(), player.flag()])
  const wanted = player.stretch()
  const bound = model.modes.condstore && scene.random(2) === 0 ? Math.max(1, box.sequence - scene.random(6)) : undefined
  const there = wanted.map((uid) => box.find(uid)).filter((message) => message !== undefined)
  const failed = there.filter(({ modSeq }) => bound !== undefined && modSeq > bound)
  const tried = there.filter((message) => !failed.includes(message))
  const known = !there.some((message) => model.isNews(message))
  const changed = changeFlags(box, tried, action, flags)
  if (changed.length > 0 && (!silent || known)) model.knows(box.sequence)
  const lines: string[] = []
  if (!silent) lines.push(...tried.map((message) => model.flagsLine(message)))
  else if (model.modes.condstore) lines.push(...changed.map((message) => model.flagsLine(message, false)))
  const words = `${byUid ? 'UID ' : ''}STORE ${byUid ? showSet(wanted) : showSet(wanted.map((uid) => model.number(uid)))} ${bound === undefined ? '' : `(UNCHANGEDSINCE ${bound}) `}${action}FLAGS${silent ? '.SILENT' : ''} ${showFlags(flags)}`
  if (failed.length === 0 && !byUid && there.length < wanted.length) return await player.say(words, { lines, status: 'NO [EXPUNGEISSUED]' })
  const modified = failed.length === 0 ? undefined : `MODIFIED ${showSet(failed.map(({ uid }) => (byUid ? uid : model.number(uid))))}`
  await player.say(words, { lines: [...lines, ...model.news(byUid)], status: okWith(modified) })
}

/** Those that are others now, in one entry. */
function changeFlags(box: MailboxModel, messages: readonly Message[], action: string, flags: ReadonlySet<string>): Message[] {
  const after = ({ flags: before }: Message): Set<string> => new Set(action === '+' ? [...before, ...flags] : action === '-' ? [...before].filter((flag) => !flags.has(flag)) : flags)
  const changed = messages.filter((message) => showFlags(after(message)) !== showFlags(message.flags))
  if (changed.length === 0) return []
  box.highest = ++box.sequence
  for (const message of changed) {
    message.flags = after(message)
    message.modSeq = box.sequence
  }
  return changed
}

async function expunge(player: Player): Promise<void> {
  const { box, model, scene } = player
  const among = scene.random(2) === 0 ? undefined : player.stretch()
  box.remove(box.messages.filter(({ uid, flags }) => flags.has('\\Deleted') && (among === undefined || among.includes(uid))).map(({ uid }) => uid))
  await player.say(among === undefined ? 'EXPUNGE' : `UID EXPUNGE ${showSet(among)}`, { lines: model.news(true), status: okWith(model.modes.condstore ? `HIGHESTMODSEQ ${box.highest}` : undefined) })
}

/** COPY and MOVE, to another mailbox or to this one: RFC 9051 §6.4.7 and §6.4.8. */
async function transfer(player: Player): Promise<void> {
  const { box, model, scene } = player
  const move = scene.random(2) === 0
  const inside = scene.random(3) === 0
  const byUid = model.modes.uidOnly || scene.random(2) === 0
  const wanted = player.stretch()
  const there = wanted.map((uid) => box.find(uid)).filter((message) => message !== undefined)
  const words = `${byUid ? 'UID ' : ''}${move ? 'MOVE' : 'COPY'} ${byUid ? showSet(wanted) : showSet(wanted.map((uid) => model.number(uid)))} ${inside ? 'Work' : 'Sent'}`
  if (!byUid && there.length < wanted.length) return await player.say(words, { lines: [], status: 'NO [EXPUNGEISSUED]' })
  if (there.length === 0) return await player.say(words, { lines: model.news(true), status: 'OK' })
  const source = there.map(({ uid }) => uid)
  const target = inside ? box.add(...there.map(({ flags }) => flags)) : source.map(() => box.otherNext++)
  if (!inside) box.sequence++
  if (move) box.take(source)
  if (move) box.highest = box.sequence
  const code = `COPYUID \0 ${showSet(source)} ${showSet(target)}`.replace('\0', String(inside ? scene.validity : otherValidity))
  if (!move) return await player.say(words, { lines: model.news(true), status: `OK [${code}]` })
  await player.say(words, { lines: [`OK [${code}] Moved`, ...model.news(true)], status: okWith(model.modes.condstore ? `HIGHESTMODSEQ ${box.highest}` : undefined) })
}

/** FETCH of flags, all or those changed since: RFC 7162 §3.1.4 and §3.2.6. */
async function fetch(player: Player): Promise<void> {
  const { box, model, scene } = player
  const { condstore, qresync, uidOnly } = model.modes
  const byUid = uidOnly || scene.random(2) === 0
  const since = condstore && scene.random(2) === 0 ? Math.max(1, box.sequence - scene.random(8)) : undefined
  const vanished = since !== undefined && byUid && qresync && scene.random(2) === 0
  const wanted = player.stretch()
  const there = wanted.map((uid) => box.find(uid)).filter((message) => message !== undefined)
  const told = there.filter(({ modSeq }) => since === undefined || modSeq > since)
  const first = wanted[0] ?? 1
  const last = wanted.at(-1) ?? 1
  const set = vanished ? `${first}:${last}` : byUid ? showSet(wanted) : showSet(wanted.map((uid) => model.number(uid)))
  const gone = vanished ? box.vanished.filter(({ uid, modSeq }) => modSeq > (since ?? 0) && uid >= first && uid <= last && !model.view.includes(uid)).map(({ uid }) => uid).sort((a, b) => a - b) : []
  const lines = [...(gone.length > 0 ? [`VANISHED (EARLIER) ${showSet(gone)}`] : []), ...told.map((message) => `${model.head(message.uid)}${condstore ? `MODSEQ (${message.modSeq}) ` : ''}UID ${message.uid} FLAGS ${showFlags(message.flags)})`)]
  const words = `${byUid ? 'UID ' : ''}FETCH ${set} (UID FLAGS)${since === undefined ? '' : ` (CHANGEDSINCE ${since}${vanished ? ' VANISHED' : ''})`}`
  // Which of those that are gone had changed, nobody can tell: only a FETCH of all misses them.
  if (!byUid && since === undefined && there.length < wanted.length) return await player.say(words, { lines, status: 'NO [EXPUNGEISSUED]' })
  await player.say(words, { lines: [...lines, ...model.news(byUid)], status: 'OK' })
}

async function search(player: Player): Promise<void> {
  const { box, model, scene } = player
  const byUid = model.modes.uidOnly || scene.random(2) === 0
  const flag = player.pick(['$A', '$B'])
  const found = box.messages.filter(({ uid, flags }) => flags.has(flag) && model.view.includes(uid)).map(({ uid }) => uid)
  const numbers = byUid ? found : found.map((uid) => model.number(uid))
  if (scene.random(2) === 0) return await player.say(`${byUid ? 'UID ' : ''}SEARCH KEYWORD ${flag}`, { lines: [`SEARCH${numbers.map((number) => ` ${number}`).join('')}`, ...model.news(byUid)], status: 'OK' })
  model.saved = found
  await player.say(`${byUid ? 'UID ' : ''}SEARCH RETURN (SAVE) KEYWORD ${flag}`, { lines: model.news(byUid), status: 'OK' })
}

/** `$` after others have expunged: what is gone is passed over (RFC 9051 §6.4.4.1). */
async function fetchSaved(player: Player): Promise<void> {
  const { box, model } = player
  const there = model.saved.filter((uid) => model.view.includes(uid)).map((uid) => box.find(uid)).filter((message) => message !== undefined)
  await player.say('UID FETCH $ (UID)', { lines: [...there.map(({ uid }) => `${model.head(uid)}UID ${uid})`), ...model.news(true)], status: 'OK' })
}

async function replace(player: Player): Promise<void> {
  const { box, model, scene } = player
  const uid = player.pick(model.view)
  const flags = new Set([player.flag()])
  const byUid = model.modes.uidOnly || scene.random(2) === 0
  const words = `${byUid ? 'UID ' : ''}REPLACE ${byUid ? uid : model.number(uid)} Work ${showFlags(flags)} {6+}\r\na: c\r\n`
  if (box.find(uid) === undefined) return await player.say(words, { lines: [], status: byUid ? 'NO [NONEXISTENT]' : 'NO [EXPUNGEISSUED]' })
  const [added = 0] = box.add(flags)
  box.take([uid])
  await player.say(words, { lines: [`OK [APPENDUID ${scene.validity} ${added}] Replaced`, ...model.news(true)], status: okWith(model.modes.condstore ? `HIGHESTMODSEQ ${box.highest}` : undefined) })
}

async function status(player: Player): Promise<void> {
  const { box, model } = player
  const unseen = box.messages.filter(({ flags }) => !flags.has('\\Seen')).length
  await player.say('STATUS Work (MESSAGES UIDNEXT UNSEEN)', { lines: [`STATUS Work (MESSAGES ${box.messages.length} UIDNEXT ${box.uidNext} UNSEEN ${unseen})`, ...model.news(true)], status: 'OK' })
}

/** Opens the mailbox again, as one who comes back: RFC 7162 §3.2.5. */
async function reselect(player: Player): Promise<void> {
  const { box, model, client, scene } = player
  const since = Math.max(1, box.sequence - scene.random(12))
  model.select()
  const { untagged } = await client.ok(`SELECT Work${model.modes.qresync ? ` (QRESYNC (${scene.validity} ${since}))` : ''}`)
  assert.ok(untagged.includes(`${box.messages.length} EXISTS`))
  assert.ok(untagged.includes(`OK [HIGHESTMODSEQ ${box.highest}] Highest mod-sequence`), untagged.join('; '))
  if (!model.modes.qresync) return
  const gone = box.vanished.filter(({ modSeq }) => modSeq > since).map(({ uid }) => uid).sort((a, b) => a - b)
  const changed = box.messages.filter(({ modSeq }) => modSeq > since)
  assert.deepEqual(untagged.filter((line) => /VANISHED|FETCH/.test(line)), [...(gone.length > 0 ? [`VANISHED (EARLIER) ${showSet(gone)}`] : []), ...changed.map((message) => model.flagsLine(message))])
}

async function beginIdle(player: Player): Promise<void> {
  player.client.send('idle IDLE\r\n')
  assert.equal(await player.client.response(), '+ idling')
  player.idle = true
  await player.listen()
}

async function endIdle(player: Player): Promise<void> {
  player.client.send('DONE\r\n')
  assert.equal(await player.client.response(), 'idle OK IDLE completed')
  player.idle = false
}

const onAny: readonly Action[] = [noop, append, append, status, reselect, beginIdle]
const onMessages: readonly Action[] = [...onAny, store, store, store, store, expunge, transfer, transfer, fetch, fetch, search, fetchSaved, replace]

// ---------------------------------------------------------------- the play

let otherValidity = 0

async function enter(login: string, modes: Modes): Promise<Client> {
  const client = await Client.enter(stage.connect(), login)
  const enabled = [...(modes.qresync ? ['QRESYNC'] : modes.condstore ? ['CONDSTORE'] : []), ...(modes.uidOnly ? ['UIDONLY'] : [])]
  if (enabled.length > 0) await client.ok(`ENABLE ${enabled.join(' ')}`)
  await client.ok('SELECT Work')
  if (modes.notify !== undefined) await client.ok(`NOTIFY SET (${modes.notify} (MessageNew MessageExpunge FlagChange))`)
  return client
}

async function play(sessions: number, commands: number, seed: number): Promise<void> {
  const login = `sessions${sessions}x${seed}`
  const first = await Client.enter(stage.connect(), login)
  await first.ok('CREATE Work')
  // All keywords are known from the beginning, so that no FLAGS response comes between.
  await first.ok('APPEND Work ($A $B \\Deleted) {6+}\r\na: b\r\n')
  const told = (await first.ok('SELECT Work')).untagged.join('\n')
  const number = (pattern: RegExp): number => Number(pattern.exec(told)?.[1])
  const random = makeRandom(seed)
  const box = new MailboxModel(number(/HIGHESTMODSEQ (\d+)/))
  box.messages.push({ uid: box.uidNext++, flags: new Set(['$A', '$B', '\\Deleted']), modSeq: box.sequence })
  const scene: Scene = { box, validity: number(/UIDVALIDITY (\d+)/), random }
  otherValidity = Number(/UIDVALIDITY (\d+)/.exec((await first.ok('STATUS Sent (UIDVALIDITY)')).untagged.join())?.[1])
  const players: Player[] = []
  for (let at = 0; at < sessions; at++) {
    const modes = allModes[(at + seed) % allModes.length]
    if (modes === undefined) throw new Error('no mode')
    players.push(new Player(await enter(login, modes), new SessionModel(box, modes), scene))
  }
  for (let count = 0; count < commands; count++) {
    const player = players[random(players.length)]
    if (player === undefined) throw new Error('no player')
    if (player.idle) await endIdle(player)
    else await player.pick(player.model.view.length === 0 ? onAny : onMessages)(player)
    for (const other of players) if (other.idle || other.model.modes.notify !== undefined) await other.listen()
  }
  // Nothing is lost: in the end all of them, and one who was never there, see the same.
  for (const player of players) {
    if (player.idle) await endIdle(player)
    await noop(player)
    assert.deepEqual(player.model.view, box.messages.map(({ uid }) => uid))
  }
  await first.ok('SELECT Work')
  assert.deepEqual((await first.ok('UID FETCH 1:* (UID FLAGS MODSEQ)')).untagged.filter((line) => line.includes('FETCH')), box.messages.map(({ uid, flags, modSeq }, at) => `${at + 1} FETCH (UID ${uid} FLAGS ${showFlags(flags)} MODSEQ (${modSeq}))`))
  await Promise.all([first.close(), ...players.map(({ client }) => client.close())])
}

for (const [sessions, commands, seeds] of [[2, 250, 8], [10, 400, 4], [100, 900, 1]] as const) {
  for (let seed = 1; seed <= seeds; seed++) test(`${sessions} sessions on one mailbox hear what the model foretells (seed ${seed})`, () => play(sessions, commands, seed * 7919))
}
