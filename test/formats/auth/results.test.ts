import assert from 'node:assert/strict'
import { test } from 'node:test'
import { domainName, domainOfAddress, isSameOrBelow } from '#lib/formats/auth/domain.ts'
import { composeAuthResults, readAuthservId } from '#lib/formats/auth/results.ts'
import type { AuthVerdict, DkimVerdict } from '#lib/formats/auth/verdict.ts'

const dkim: DkimVerdict = { result: 'pass', domain: 'b.example', selector: 's1', algorithm: 'rsa-sha256', identity: '@b.example', signature: 'AbC/+9=x', aligned: true }
const auth: AuthVerdict = {
  spf: { result: 'pass', domain: 'b.example', identity: 'mailfrom' },
  dkim: [dkim, { ...dkim, result: 'fail', selector: 's2', comment: 'bad body (changed)' }],
  dmarc: { result: 'fail', domain: 'b.example', policyDomain: 'b.example', policy: 'reject', percent: 100, alignment: { spf: false, dkim: false } },
  arc: { result: 'none', instance: 0 },
}

test('each check is a row, with what it looked at', () => {
  assert.equal(
    composeAuthResults('mx.ours.example', auth),
    'mx.ours.example;\r\n spf=pass smtp.mailfrom=b.example;\r\n' +
      ' dkim=pass header.d=b.example header.i=@b.example header.s=s1\r\n  header.a=rsa-sha256 header.b="AbC/+9=x";\r\n' +
      ' dkim=fail (bad body  changed ) header.d=b.example header.i=@b.example\r\n  header.s=s2 header.a=rsa-sha256 header.b="AbC/+9=x";\r\n' +
      ' dmarc=fail (p=reject at b.example) header.from=b.example;\r\n arc=none',
  )
})

test('no check at all is "none"', () => {
  assert.equal(composeAuthResults('mx.ours.example', undefined), 'mx.ours.example; none')
})

test('nothing from outside ends the field, a row or a comment', () => {
  const evil = 'x;\r\nX-Evil: y) dkim=pass\\"'
  const text = composeAuthResults('mx', { ...auth, spf: { result: 'none', domain: evil, identity: 'helo' }, dkim: [{ ...dkim, domain: evil, selector: `a"b\\c;d`, comment: evil, identity: 'ü@x' }], dmarc: { ...auth.dmarc, policyDomain: '', reason: evil } })
  assert.doesNotMatch(text, /\r\n(?![ \t])|[^\x00-\x7f]/)
  assert.equal(text.replaceAll(/"(?:[^"\\]|\\.)*"/g, '').replaceAll(/\([^()\\]*\)/g, '').split(';').length, 5)
  assert.match(text, /header\.s="a\\"b\\\\c;d"/)
  assert.doesNotMatch(text, /header\.d|header\.i|smtp\.helo/)
})

test('the authserv-id of a field is read through comments, quotes and versions', () => {
  for (const [value, id] of [
    ['mx.ours.example; spf=pass', 'mx.ours.example'],
    ['  MX.Ours.Example 1; none', 'mx.ours.example'],
    ['(one (two) \\) three)\r\n mx.ours.example;', 'mx.ours.example'],
    ['"mx.ours.example"; none', 'mx.ours.example'],
    ['"mx\\.ours.example" ; none', 'mx.ours.example'],
    ['mx.ours.example(comment); none', 'mx.ours.example'],
    ['mx.ours.example.evil.example; none', 'mx.ours.example.evil.example'],
    ['', ''],
    ['(never closed mx.ours.example', ''],
    ['; mx.ours.example', ''],
  ] as const) assert.equal(readAuthservId(value), id, value)
})

test('an endless value is read in linear time', () => {
  const begun = process.cpuUsage().user
  for (const value of ['('.repeat(500_000), '()'.repeat(300_000), `"${'\\a'.repeat(300_000)}`, ' '.repeat(500_000)]) readAuthservId(value)
  assert.ok((process.cpuUsage().user - begun) / 1000 < 700)
})

test('domains are compared in lower-case A-labels without the last dot', () => {
  assert.equal(domainName(' MÜLLER.example. '), 'xn--mller-kva.example')
  assert.equal(domainOfAddress('"a@b"@X.Example'), 'x.example')
  assert.equal(domainOfAddress('nobody'), '')
  assert.ok(isSameOrBelow('a.b.example', 'b.example') && isSameOrBelow('b.example', 'b.example'))
  assert.ok(!isSameOrBelow('ab.example', 'b.example') && !isSameOrBelow('b.example', 'a.b.example') && !isSameOrBelow('', ''))
})
