/**
 * Two, ten and a hundred sessions on one mailbox, each in its own mode, with commands drawn by seed. Commands come one
 * after the other, so that a model foretells every line of every answer; sessions that idle or asked for notifications are
 * listened to after each.
 */
import assert from 'node:assert/strict'
import { after } from 'node:test'
import { Client } from './client.ts'
import { MailboxModel, showFlags } from './mailboxModel.ts'
import type { Modes } from './mailboxModel.ts'
import { makeRandom, testWithSeeds } from './seeds.ts'
import type { Random } from './seeds.ts'
import { append, expunge, fetchContent, replace, store, transfer } from './sessionChanges.ts'
import { Player } from './sessionPlayer.ts'
import type { Scene } from './sessionPlayer.ts'
import { beginIdle, endIdle, fetchFlags, fetchModSeq, fetchPage, fetchSaved, noop, notify, reselect, search, searchByName, select, status } from './sessionQuestions.ts'
import { openStage } from './stage.ts'

const stage = await openStage({ imap: { maxConnectionsPerAddress: 0 } })
after(() => stage.stop(0))

const plain: Modes = { condstore: false, qresync: false, uidOnly: false, rev2: false, notify: undefined }
const allModes: readonly Modes[] = [
  plain,
  { ...plain, condstore: true },
  { ...plain, condstore: true, qresync: true },
  { ...plain, uidOnly: true },
  { ...plain, condstore: true, qresync: true, uidOnly: true },
  { ...plain, notify: { filter: 'selected-delayed', items: false, flags: true } },
  { ...plain, condstore: true, qresync: true, notify: { filter: 'selected', items: true, flags: true } },
  { ...plain, uidOnly: true, notify: { filter: 'selected-delayed', items: true, flags: false } },
  { ...plain, rev2: true },
  { ...plain, condstore: true, qresync: true, rev2: true, notify: 'none' },
  { ...plain, condstore: true, qresync: true, uidOnly: true, rev2: true, notify: { filter: 'selected', items: false, flags: true } },
]

type Action = (player: Player) => Promise<void>

const onAny: readonly Action[] = [noop, append, append, status, reselect, notify, beginIdle, searchByName, fetchPage]
const onMessages: readonly Action[] = [...onAny, store, store, store, store, expunge, transfer, transfer, fetchFlags, fetchFlags, fetchContent, fetchModSeq, search, search, search, fetchSaved, replace, append]

const firstText = 'a: b\r\n'

/** The mailbox with its first message: all keywords are known from the beginning, so that no FLAGS response comes between. */
async function openScene(first: Client, login: string, random: Random): Promise<Scene> {
  const told = [(await first.ok('CREATE Work')).text]
  await first.ok(`APPEND Work ($A $B \\Deleted) {6+}\r\n${firstText}`)
  told.push(...(await first.ok('SELECT Work')).untagged)
  const otherValidity = /UIDVALIDITY (\d+)/.exec((await first.ok('STATUS Sent (UIDVALIDITY)')).untagged.join())?.[1]
  const value = (pattern: RegExp): string => pattern.exec(told.join('\n'))?.[1] ?? ''
  const box = new MailboxModel(Number(value(/HIGHESTMODSEQ (\d+)/)))
  box.messages.push({ uid: box.uidNext++, flags: new Set(['$A', '$B', '\\Deleted']), modSeq: box.sequence, text: firstText })
  return { box, login, random, validity: Number(value(/UIDVALIDITY (\d+)/)), otherValidity: Number(otherValidity), mailboxId: value(/MAILBOXID \((\S+)\)/), connect: () => Client.enter(stage.connect(), login) }
}

async function play(sessions: number, commands: number, seed: number): Promise<void> {
  const login = `sessions${sessions}x${seed}`
  const first = await Client.enter(stage.connect(), login)
  const random = makeRandom(seed)
  const scene = await openScene(first, login, random)
  const { box } = scene
  const players: Player[] = []
  for (let at = 0; at < sessions; at++) {
    const player = await Player.enter(scene, allModes[(at + seed) % allModes.length] ?? plain)
    await select(player, false)
    players.push(player)
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
    if (player.model.modes.notify === 'none') await notify(player)
    await noop(player)
    if (player.model.modes.notify !== 'none') assert.deepEqual(player.model.view, box.messages.map(({ uid }) => uid))
  }
  await first.ok('SELECT Work')
  assert.deepEqual((await first.ok('UID FETCH 1:* (UID FLAGS MODSEQ BODY.PEEK[])')).untagged.filter((line) => line.includes('FETCH')), box.messages.map(({ uid, flags, modSeq, text }, at) => `${at + 1} FETCH (UID ${uid} FLAGS ${showFlags(flags)} MODSEQ (${modSeq}) BODY[] {6}\r\n${text})`))
  await Promise.all([first.close(), ...players.map(({ client }) => client.close())])
}

for (const [sessions, commands, seeds] of [[2, 250, 8], [10, 400, 4], [100, 900, 1]] as const) {
  testWithSeeds(`${sessions} sessions on one mailbox hear what the model foretells`, Array.from({ length: seeds }, (_, at) => (at + 1) * 7919), (seed) => play(sessions, commands, seed))
}
