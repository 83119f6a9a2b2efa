import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { systemClock } from '#lib/base/clock.ts'
import { defaultConfig } from '#lib/config.ts'
import type { AuthVerdict } from '#lib/formats/auth/verdict.ts'
import { authenticate } from '#lib/mail/inbound/authenticate.ts'
import { dmarcDemand } from '#lib/mail/inbound/disposition.ts'
import { zoneResolver } from './zone.ts'
import type { Zone } from './zone.ts'

const corpus = fileURLToPath(new URL('../../../../shared/corpus/auth/', import.meta.url))
const skip = existsSync(corpus) ? false : 'the corpus is not beside this checkout'

const read = <T>(name: string): T => JSON.parse(readFileSync(corpus + name, 'utf8')) as T

interface Asked {
  readonly zone: Zone
  readonly ip?: string | null
  readonly hello?: string | null
  readonly mailFrom?: string | null
  readonly message?: Buffer
  readonly at?: number
  readonly minKeyBits?: number
}

async function check({ zone, ip, hello, mailFrom, message, at = Date.now(), minKeyBits = 1024 }: Asked): Promise<AuthVerdict> {
  const settings = { ...defaultConfig().inbound, checkMinKeyBits: minKeyBits }
  return await authenticate({ resolver: zoneResolver(zone), clock: { ...systemClock, now: () => at }, hostname: 'mx.receiver.example', settings }, { address: ip ?? '192.0.2.99', hello: hello ?? '', mailFrom: mailFrom ?? '', message: message ?? Buffer.from('From: a@b.example\r\n\r\nx\r\n') })
}

/** Cases that come out otherwise: what they come out as, and why. */
type Differences = Readonly<Record<string, readonly [outcome: string, reason: string]>>

function judge(failures: string[], differences: Differences, name: string, expected: readonly string[], actual: string): void {
  const known = differences[name]
  if (known !== undefined) {
    if (known[0] !== actual) failures.push(`${name}: listed as ${known[0]}, is ${actual}`)
    else if (expected.includes(actual)) failures.push(`${name}: listed as a difference, but agrees`)
  } else if (!expected.includes(actual)) failures.push(`${name}: expected ${expected.join(' or ')}, is ${actual}`)
}

interface SpfScenario {
  readonly tests: Readonly<Record<string, { readonly helo: string; readonly host: string; readonly mailfrom: string; readonly result: string | readonly string[] }>>
  readonly zonedata: Record<string, readonly ('TIMEOUT' | Record<string, string | readonly string[]>)[]>
}

/** SPF records stand for TXT unless the name has a TXT of its own. */
function spfZone(zonedata: SpfScenario['zonedata']): Zone {
  return Object.fromEntries(
    Object.entries(zonedata).map(([name, records]) => {
      const own = records.some((record) => record !== 'TIMEOUT' && record['TXT'] !== undefined)
      const shown = records.flatMap((record) => {
        if (record === 'TIMEOUT' || record['SPF'] === undefined) return [record === 'TIMEOUT' ? record : Object.fromEntries(Object.entries(record).filter(([, value]) => value !== 'NONE'))]
        return own ? [] : [{ TXT: record['SPF'] }]
      })
      return [name, shown]
    }),
  )
}

describe('SPF, by the openspf suite', { skip }, () => {
  const differences: Differences = {
    'default-modifier-harsh': ['neutral', 'the suite calls the outcome ambiguous: RFC 7208 §6 has an unknown modifier ignored, which leaves neutral'],
  }
  for (const file of ['spf/rfc7208-tests.json', 'spf/pyspf-extra-tests.json']) {
    test(`every case of ${file}`, async () => {
      const failures: string[] = []
      for (const { tests, zonedata } of read<SpfScenario[]>(file)) {
        for (const [name, { helo, host, mailfrom, result }] of Object.entries(tests)) {
          const verdict = await check({ zone: spfZone(zonedata), ip: host, hello: helo, mailFrom: mailfrom })
          judge(failures, differences, name, [result].flat(), verdict.spf.result)
        }
      }
      assert.deepEqual(failures, [])
    })
  }
})

interface DkimCase {
  readonly file: string
  readonly txt: Readonly<Record<string, string>>
  readonly dkimpy: readonly string[]
  readonly expect?: string
}

const txtZone = (txt: Readonly<Record<string, string>>): Zone => Object.fromEntries(Object.entries(txt).map(([name, value]) => [name, [{ TXT: value }]]))
const crlf = (bytes: Buffer): Buffer => Buffer.from(bytes.toString('latin1').replace(/\r?\n/g, '\r\n'), 'latin1')

/** The corpus tells only which signatures pass; whatever is said against the others (neutral, policy, ...) is no pass. */
const passes = (results: readonly string[]): string => results.map((result) => (result === 'pass' ? 'pass' : 'fail')).join(' ')

test('DKIM, every case of the corpus', { skip }, async () => {
  const differences: Differences = {
    'eml/gen__length-appended.eml': ['fail', 'RFC 6376 §8.2: a signature with l= says nothing of what was appended; it is reported as "policy"'],
  }
  const failures: string[] = []
  for (const { file, txt, expect, dkimpy } of read<DkimCase[]>('dkim/cases.json')) {
    const verdict = await check({ zone: txtZone(txt), message: crlf(readFileSync(`${corpus}dkim/${file}`)) })
    judge(failures, differences, file, [passes(expect?.split(',') ?? dkimpy)], passes(verdict.dkim.map(({ result }) => result)))
  }
  assert.deepEqual(failures, [])
})

interface ArcScenario {
  readonly description: string
  readonly tests: Readonly<Record<string, { readonly message: string; readonly cv: string }>>
  readonly 'txt-records': Readonly<Record<string, string>>
}

test('ARC, every case of the ValiMail suite', { skip }, async () => {
  const differences: Differences = {
    cv_fail_i1_as_cv_fail: ['fail', 'the suite leaves the outcome open; RFC 8617 §5.2 has a seal with cv=fail end the chain'],
    cv_fail_i2_as1_fail: ['fail', 'the same'],
    ams_fields_c_na: ['fail', 'signed relaxed/relaxed without saying so; RFC 8617 §4.1.2 takes the default of DKIM, simple/simple (RFC 6376 §3.5)'],
  }
  const failures: string[] = []
  for (const { tests, 'txt-records': txt } of read<ArcScenario[]>('arc/arc-draft-validation-tests.json')) {
    for (const [name, { message, cv }] of Object.entries(tests)) {
      const verdict = await check({ zone: txtZone(txt), message: crlf(Buffer.from(message)) })
      judge(failures, differences, name, [cv.toLowerCase()], verdict.arc.result)
    }
  }
  assert.deepEqual(failures, [])
})

interface RspamdCase {
  readonly suite: string
  readonly name: string
  readonly message: string
  readonly ip: string | null
  readonly mailfrom: string | null
  readonly helo: string | null
  readonly expect_symbols: readonly string[]
}

test('SPF, DKIM, DMARC and ARC, by rspamd’s functional tests', { skip }, async () => {
  const zone = rspamdZone(read('rspamd-auth/zone.json'))
  const differences: Differences = {
    '117_spf SPF FAIL UNRESOLVEABLE INCLUDE R_SPF_FAIL': ['permerror', 'RFC 7208 §5.2: an included domain without a record is a permanent error'],
    '321_arc_check ARC ALLOW CHECK ARC_ALLOW': ['fail', 'the keys of google.com and outlook.com are not in the zone'],
    '116_dkim DKIM Ignore Unknown Tags R_DKIM_ALLOW': ['neutral', 'the key of taugh.com is not in the zone'],
  }
  const failures: string[] = []
  for (const { suite, name, message, ip, mailfrom, helo, expect_symbols } of read<RspamdCase[]>('rspamd-auth/cases.json')) {
    const verdict = await check({ zone, ip, mailFrom: mailfrom, hello: helo, message: crlf(readFileSync(`${corpus}rspamd-auth/eml/${message}`)) })
    for (const symbol of expect_symbols) {
      const [expected, actual] = inOurWords(symbol, verdict)
      if (expected !== undefined) judge(failures, differences, `${suite} ${name} ${symbol}`, expected, actual)
    }
  }
  assert.deepEqual(failures, [])
})

/** An rspamd symbol as the results that mean it, and what the verdict has. */
function inOurWords(symbol: string, { spf, dkim, dmarc, arc }: AuthVerdict): [expected: string[] | undefined, actual: string] {
  const signed = [...new Set(dkim.map(({ result }) => result))].join(' ')
  // Drawn last: what is asked for all messages.
  const policy = `${dmarc.result} ${dmarcDemand({ spf, dkim, dmarc, arc }, 99, [])}`
  switch (symbol) {
    case 'R_SPF_ALLOW': return [['pass'], spf.result]
    case 'R_SPF_FAIL': return [['fail'], spf.result]
    case 'R_SPF_NA': return [['none'], spf.result]
    case 'R_SPF_PERMFAIL': return [['permerror'], spf.result]
    case 'R_SPF_DNSFAIL': return [['temperror'], spf.result]
    case 'R_DKIM_ALLOW': return [['pass'], signed]
    case 'R_DKIM_PERMFAIL': return [['permerror', 'neutral'], signed]
    case 'R_DKIM_TEMPFAIL': return [['temperror'], signed]
    case 'DMARC_POLICY_ALLOW': return [['pass'], dmarc.result]
    case 'DMARC_POLICY_REJECT': return [['fail reject'], policy]
    case 'DMARC_POLICY_QUARANTINE': return [['fail quarantine'], policy]
    case 'DMARC_POLICY_SOFTFAIL': return [['fail none'], policy]
    case 'DMARC_DNSFAIL': return [['temperror'], dmarc.result]
    case 'ARC_ALLOW': return [['pass'], arc.result]
    default: return [undefined, '']
  }
}

function rspamdZone(names: Record<string, Record<string, { rcode: string; replies: string[] }>>): Zone {
  return Object.fromEntries(
    Object.entries(names).map(([name, types]) => [
      name,
      Object.entries(types).flatMap(([type, { rcode, replies }]): Zone[string] => {
        if (rcode === 'timeout' || rcode === 'servfail') return ['TIMEOUT']
        return replies.map((reply) => (type === 'MX' ? { MX: [10, reply] as const } : { [type]: reply }))
      }),
    ]),
  )
}
