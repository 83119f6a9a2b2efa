import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { after, describe, it } from 'node:test'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** A checkout of its own, whose packages are those of this one. */
function checkout(): string {
  const folder = mkdtempSync(join(tmpdir(), 'pp-start-'))
  for (const name of ['bin', 'lib', 'package.json']) cpSync(join(root, name), join(folder, name), { recursive: true })
  mkdirSync(join(folder, 'node_modules'))
  for (const name of readdirSync(join(root, 'node_modules'))) if (!name.startsWith('.')) symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name))
  return folder
}

describe('the command starts', () => {
  const folder = checkout()
  after(() => rmSync(folder, { recursive: true, force: true }))
  const config = () => spawnSync(process.execPath, [join(folder, 'bin/pennypost.ts'), 'config', 'show', '--json', '--data', join(folder, 'data')], { encoding: 'utf8' })

  it('on its own Node, whichever one stands first in PATH, and from anywhere', () => {
    const commands = join(folder, 'node_modules/.bin')
    mkdirSync(commands)
    symlinkSync(process.execPath, join(commands, 'node'))
    assert.equal(spawnSync(process.execPath, [join(folder, 'bin/link.mjs')]).status, 0)
    symlinkSync(join(commands, 'pennypost'), join(folder, 'elsewhere'))
    const other = join(folder, 'node')
    writeFileSync(other, '#!/bin/sh\nexit 9\n', { mode: 0o755 })
    const ran = spawnSync(join(folder, 'elsewhere'), ['config', 'show', '--json', '--data', join(folder, 'data')], { encoding: 'utf8', cwd: tmpdir(), env: { PATH: `${folder}:/usr/bin:/bin` } })
    assert.deepEqual([ran.status, ran.stderr], [0, ''])
    assert.ok(ran.stdout.includes('server.listen'))
    assert.match(spawnSync(join(folder, 'elsewhere'), ['--version'], { encoding: 'utf8' }).stdout, /^\d+\.\d+\.\d+\n$/)
    rmSync(join(folder, 'node_modules/.cache'), { recursive: true })
  })

  it('where what Node compiled cannot be kept', () => {
    writeFileSync(join(folder, 'node_modules/.cache'), '')
    const ran = config()
    assert.deepEqual([ran.status, ran.stderr], [0, ''])
    assert.ok(ran.stdout.includes('server.listen'))
    rmSync(join(folder, 'node_modules/.cache'))
  })

  it('and keeps it beside the packages, for the next', () => {
    assert.equal(config().status, 0)
    const kept = readdirSync(join(folder, 'node_modules/.cache/pennypost'), { recursive: true }).length
    assert.ok(kept > 10, `${kept} files`)
    assert.deepEqual([config().status, config().stderr], [0, ''])
  })
})
