import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { listSettings } from '#lib/configFile.ts'
import { Program } from './program.ts'

describe('config', () => {
  const program = new Program()
  const file = join(program.data, 'pennypost.conf')
  after(() => program.remove())
  const write = (...lines: string[]): void => {
    mkdirSync(program.data, { recursive: true })
    writeFileSync(file, lines.join('\n') + '\n')
  }

  it('check names every mistake with its line, and every command refuses to run with them', async () => {
    write('# ours', 'smtp.maxMessageBytes = 10 elephants', '', 'smtp.maxHops = 5 # few', 'smtp.maxHopps = 5', 'no equals sign', 'server.proxyTrusted = 10.0.0.0/8, 10.0.0.0/99', 'smtp.maxHops = 6')
    const checked = await program.run(['config', 'check', '--set', 'dns.servers=dns.example'], { env: { PENNYPOST_SMTP_NONSENSE: '1', PENNYPOST_DNS_TIMEOUT_MS: 'soon' } })
    assert.equal(checked.code, 1)
    const lines = checked.stdout.trimEnd().split('\n')
    const mistakes: [string, RegExp][] = [
      [`${file}:2: `, /smtp\.maxMessageBytes expects a size such as .* not "10 elephants"/],
      [`${file}:5: `, /there is no setting smtp\.maxHopps/],
      [`${file}:6: `, /is not of the form room\.word = value/],
      [`${file}:7: `, /server\.proxyTrusted expects IP addresses or CIDR ranges/],
      [`${file}:8: `, /smtp\.maxHops is set twice/],
      ['PENNYPOST_SMTP_NONSENSE: ', /there is no such setting/],
      ['PENNYPOST_DNS_TIMEOUT_MS: ', /dns\.timeoutMs expects a time/],
      ['--set dns.servers=dns.example: ', /dns\.servers expects IP addresses/],
    ]
    assert.equal(lines.length, mistakes.length, checked.stdout)
    for (const [where, what] of mistakes) assert.ok(lines.some((line) => line.startsWith(where) && what.test(line)), `${where} ${String(what)}\n${checked.stdout}`)
    const serve = await program.run(['serve', '--port-offset', 'x'])
    assert.equal(serve.code, 1)
    assert.match(serve.stderr, /pennypost\.conf:2: smtp\.maxMessageBytes/)
    assert.match(serve.stderr, /^--port-offset: server\.portOffset expects a whole number/m)
  })

  it('show tells each value and where it comes from; flags win over the environment, that over the file', async () => {
    write('smtp.maxHops = 5', 'smtp.maxRecipients = 6', 'smtp.maxCommands = 7')
    const shown = await program.run(['config', 'show', '--json', '--set', 'smtp.maxCommands=9'], { env: { PENNYPOST_SMTP_MAX_RECIPIENTS: '8', PENNYPOST_SMTP_MAX_COMMANDS: '8' } })
    assert.equal(shown.code, 0, shown.stderr)
    const rows = shown.json<{ setting: string; value: string; from: string; meaning: string }[]>()
    assert.deepEqual(rows.map(({ setting }) => setting), listSettings().map(([name]) => name))
    const of = (name: string): string[] => rows.filter(({ setting }) => setting === name).map(({ value, from }) => `${value} ${from}`)
    assert.deepEqual([of('smtp.maxHops'), of('smtp.maxRecipients'), of('smtp.maxCommands'), of('smtp.maxMessageBytes')], [[`5 ${file}`], ['8 environment'], ['9 flags'], ['50MiB default']])
    assert.equal((await program.run(['config', 'check', '--json'])).stdout, '{\n  "mistakes": []\n}\n')
  })

  it('a settings file that is named must be there', async () => {
    const checked = await program.run(['config', 'check', '--config', '/nowhere/pennypost.conf'])
    assert.equal(checked.code, 1)
    assert.match(checked.stderr, /^\/nowhere\/pennypost\.conf cannot be read/)
  })
})
