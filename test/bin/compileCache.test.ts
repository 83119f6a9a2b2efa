/** Where the command keeps what Node compiles. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chownSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { programFile } from './program.ts'

/** A checkout with a command that only says that it ran. */
const checkout = mkdtempSync(join(tmpdir(), 'pp-cache-'))
after(() => rmSync(checkout, { recursive: true }))
for (const folder of ['bin', 'node_modules']) mkdirSync(join(checkout, folder))
writeFileSync(join(checkout, 'package.json'), '{ "type": "module" }')
writeFileSync(join(checkout, 'bin/main.ts'), "process.stdout.write('ran')\n")
copyFileSync(programFile, join(checkout, 'bin/pennypost.ts'))

const run = (): string => execFileSync(process.execPath, [join(checkout, 'bin/pennypost.ts')], { encoding: 'utf8' })
const isKept = (): boolean => existsSync(join(checkout, 'node_modules/.cache'))
const someoneElse = 65534

test('root leaves nothing among packages of somebody else, who could not clear it away', { skip: process.getuid?.() !== 0 && 'only root can give files away' }, () => {
  chownSync(join(checkout, 'node_modules'), someoneElse, someoneElse)
  assert.equal(run(), 'ran')
  assert.equal(isKept(), false)
  chownSync(join(checkout, 'node_modules'), 0, 0)
})

test('whom the packages belong to keeps what was compiled beside them', () => {
  assert.equal(run(), 'ran')
  assert.equal(isKept(), true)
})

test('where there are no packages the command runs without', () => {
  rmSync(join(checkout, 'node_modules'), { recursive: true })
  assert.equal(run(), 'ran')
  assert.equal(isKept(), false)
})
