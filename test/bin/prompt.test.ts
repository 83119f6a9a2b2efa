import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { Program, environment, programFile } from './program.ts'

/** util-linux's `script` gives a child a terminal. */
const reason = existsSync('/usr/bin/script') ? false : 'needs script(1) for a terminal'

describe('questions on a terminal', { skip: reason }, () => {
  const program = new Program()
  before(async () => void (await program.run(['domain', 'add', 'example.com'])))
  after(() => program.remove())

  /** Types each answer when its question stands there. What the terminal shows, and the exit code. */
  function converse(words: string, answers: readonly (readonly [question: string, answer: string])[]): Promise<{ code: number | null; shown: string }> {
    const child = spawn('script', ['-qec', `${process.execPath} ${programFile} ${words}`, '/dev/null'], { env: { ...environment, PENNYPOST_DATA: program.data } })
    let shown = ''
    let next = 0
    let from = 0
    child.stdout.on('data', (chunk: Buffer) => {
      shown += chunk.toString()
      const [question, answer] = answers[next] ?? []
      if (question === undefined || answer === undefined || !shown.slice(from).includes(question)) return
      from = shown.length
      next++
      child.stdin.write(answer)
    })
    return new Promise((resolve) => child.once('close', (code) => resolve({ code, shown })))
  }

  it('a password is asked for twice and never shown', async () => {
    const { code, shown } = await converse('user add ann@example.com', [['Password: ', 'a secret word\n'], ['Again: ', 'a secret word\n']])
    assert.equal(code, 0, shown)
    assert.match(shown, /ann@example\.com has mailboxes now/)
    assert.ok(!shown.includes('secret'), shown)
  })

  it('two that differ, and Ctrl-C, change nothing', async () => {
    const differing = await converse('user add bob@example.com', [['Password: ', 'a secret word\n'], ['Again: ', 'another word\n']])
    const stopped = await converse('user add bob@example.com', [['Password: ', '\u0003']])
    assert.match(differing.shown, /the two passwords differ; nothing was changed/)
    assert.match(stopped.shown, /stopped; nothing was changed/)
    assert.deepEqual([differing.code, stopped.code], [1, 1])
    assert.equal((await program.run(['user', 'show', 'bob@example.com'])).code, 1)
  })

  it('removing asks, and only yes removes', async () => {
    const no = await converse('user remove ann@example.com', [['Type yes: ', 'no\n']])
    const yes = await converse('user remove ann@example.com', [['Type yes: ', 'yes\n']])
    assert.match(no.shown, /nothing was changed/)
    assert.match(yes.shown, /ann@example\.com is removed/)
    assert.deepEqual([no.code, yes.code], [1, 0])
  })
})
