import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { ChoiceError, choiceRows, readChoices, verbsOf } from '#lib/stacks/choices.ts'

const refusal = (...layers: Record<string, unknown>[]): string => {
  try {
    readChoices(layers)
  } catch (error) {
    assert.ok(error instanceof ChoiceError)
    return error.message
  }
  return ''
}

describe('choices of a deployment', () => {
  it('the domain alone is enough', () => {
    const { domain, hostname, mode, outbound, zone, events, mail } = readChoices([{ domain: 'example.com' }])
    assert.deepEqual({ domain, hostname, mode, outbound, zone, events, mail }, { domain: 'example.com', hostname: 'mail.example.com', mode: 'lean', outbound: 'smarthost', zone: 'host', events: false, mail: {} })
  })

  it('the command line wins over the settings file, and says everything as text', () => {
    const { mode, cpu, events, domain } = readChoices([{ domain: 'example.com', mode: 'lean', cpu: 1024, events: true }, { mode: 'ha', cpu: '512', events: 'no' }])
    assert.deepEqual({ mode, cpu, events, domain }, { mode: 'ha', cpu: 512, events: false, domain: 'example.com' })
  })

  it('settings of the mail system come as an object or as text, and are checked as serve checks them', () => {
    for (const mail of [{ 'smtp.maxMessageBytes': '25MiB', 'imap.idleTimeoutMs': '1h' }, 'smtp.maxMessageBytes=25MiB; imap.idleTimeoutMs = 1h;'])
      assert.deepEqual(readChoices([{ domain: 'example.com', mail }]).mail, { 'smtp.maxMessageBytes': '25MiB', 'imap.idleTimeoutMs': '1h' })
    assert.match(refusal({ domain: 'example.com', mail: 'smtp.maxMessageBytes=many' }), /^mail expects settings of the mail system \(smtp\.maxMessageBytes expects a size.*\), not "smtp\.maxMessageBytes=many"$/)
    assert.match(refusal({ domain: 'example.com', mail: { 'smtp.maxMesageBytes': '1' } }), /there is no setting smtp\.maxMesageBytes/)
  })

  for (const [raw, sentence] of [
    [{}, /^say whose mail it is: -c domain=example\.com$/],
    [{ domain: 'Example.com' }, /^domain expects a domain name in small letters/],
    [{ domain: 'example.com', mode: 'big' }, /^mode expects lean or ha, not "big"$/],
    [{ domain: 'example.com', evnts: 'yes' }, /^there is no choice "evnts"; did you mean events\?$/],
    [{ domain: 'Example.com', mode: 'ha' }, /^domain expects [^\n]+$/],
    [{ domain: 'example.com', mod: 'ha' }, /^there is no choice "mod"; did you mean mode\?$/],
    [{ domain: 'example.com', cpu: '0.5' }, /^cpu expects a whole number from 256 to 4096/],
    [{ domain: 'example.com', events: 'maybe' }, /^events expects yes or no/],
    [{ domain: 'example.com', zone: 'elsewhere' }, /^zone expects host, new or the id/],
    [{ domain: 'example.com', events: 'yes', table: 'restored' }, /^events are read from the stream of the deployment's own table/],
    [{ domain: 'example.com', pages: 'enforce' }, /^pages need the zone of the domain in this account/],
    [{ domain: 'example.com', zone: 'Z0123456789', hostname: 'mx.example.net' }, /cannot hold the server's name mx\.example\.net/],
  ] as const)
    it(`${JSON.stringify(raw)} is refused with what is expected`, () => assert.match(refusal(raw), sentence))

  it('every mistake is named at once', () => {
    assert.equal(refusal({ domain: 'example.com', mode: 'big', nat: 'none' }).split('\n').length, 2)
  })

  it('a deployment has the functions it needs', () => {
    assert.ok(!verbsOf(readChoices([{ domain: 'example.com', mode: 'ha' }])).includes('follow-front'))
    assert.ok(!verbsOf(readChoices([{ domain: 'example.com' }])).includes('record-events'))
    assert.ok(verbsOf(readChoices([{ domain: 'example.com', events: 'yes' }])).includes('record-events'))
  })

  it('docs/aws.md has the row of each choice', () => {
    const page = readFileSync(new URL('../../docs/aws.md', import.meta.url), 'utf8')
    for (const row of choiceRows()) assert.ok(page.includes(row), `missing or changed:\n${row}`)
  })
})
