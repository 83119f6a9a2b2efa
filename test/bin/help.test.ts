import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import type { Command } from 'commander'
import { makeProgram } from '../../bin/program.ts'
import { Program } from './program.ts'

function everyCommand(command: Command, path: readonly string[] = []): { command: Command; path: readonly string[] }[] {
  return [{ command, path }, ...command.commands.flatMap((child) => everyCommand(child, [...path, child.name()]))]
}

const all = everyCommand(makeProgram())

describe('help', () => {
  const program = new Program()
  after(() => program.remove())

  it('is there on every level and says what each command does', () => {
    const paths = all.map(({ path }) => path.join(' '))
    for (const words of ['serve', 'domain add', 'domain list', 'domain show', 'domain remove', 'user add', 'user list', 'user show', 'user password', 'user disable', 'user enable', 'user remove', 'alias add', 'alias list', 'alias remove', 'app-password add', 'app-password list', 'app-password revoke', 'queue list', 'queue show', 'queue retry', 'queue drop', 'queue hold', 'mailbox list', 'mailbox check', 'config show', 'config check'])
      assert.ok(paths.includes(words), words)
    for (const { command, path } of all) {
      const help = command.helpInformation()
      assert.match(command.description(), /\.$/, path.join(' '))
      assert.match(help, /--help/, path.join(' '))
      for (const child of command.commands) assert.ok(help.includes(child.name()), path.join(' '))
    }
  })

  it('every command that does something takes --data and --json, and every option is explained', () => {
    for (const { command, path } of all.filter(({ command: one }) => one.commands.length === 0)) {
      const flags = command.options.map(({ long }) => long)
      // What mail costs is no matter of a place.
      for (const flag of path.at(-1) === 'cost' ? ['--json'] : ['--data', '--json', '--config', '--set']) assert.ok(flags.includes(flag), `${path.join(' ')} lacks ${flag}`)
      for (const option of command.options) assert.notEqual(option.description, '', `${path.join(' ')} ${option.flags}`)
      // Only the program's own secrets go in by standard input; nothing takes one as a value.
      for (const option of command.options) assert.ok(!/password/.test(option.long ?? '') || !option.required, option.flags)
    }
  })

  it('--help ends with code 0, a missing or unknown word with code 2 and a hint', async () => {
    const [top, leaf, missing, unknown, option] = await Promise.all([program.run(['--help']), program.run(['user', 'add', '--help']), program.run(['user']), program.run(['user', 'frobnicate']), program.run(['user', 'list', '--frobnicate'])])
    assert.deepEqual([top.code, leaf.code, missing.code, unknown.code, option.code], [0, 0, 2, 2, 2])
    assert.match(top.stdout, /^Usage: pennypost/)
    assert.match(leaf.stdout, /^Usage: pennypost user add \[options\] <address>/)
    assert.match(missing.stderr, /Commands:/)
    assert.match(unknown.stderr, /unknown command 'frobnicate'/)
    assert.match(option.stderr, /unknown option '--frobnicate'/)
  })
})
