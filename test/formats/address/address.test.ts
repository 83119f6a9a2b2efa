import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { foldAddress, formatAddress, parseAddress, showAddress } from '#lib/formats/address/address.ts'
import { parseDomain, showDomain } from '#lib/formats/address/domain.ts'
import { splitDetail } from '#lib/formats/address/localPart.ts'

const key = (text: string) => {
  const address = parseAddress(text)
  return address && formatAddress(foldAddress(address))
}

test('one mailbox has one key, whatever its spelling', () => {
  const spellings: [string, string][] = [
    ['anna@example.org', 'anna@example.org'],
    ['Anna@EXAMPLE.Org.', 'anna@example.org'],
    ['"anna"@example.org', 'anna@example.org'],
    ['"an\\na"@example.org', 'anna@example.org'],
    ['"anna lee"@example.org', '"anna lee"@example.org'],
    ['"a\\"b"@example.org', '"a\\"b"@example.org'],
    ['"a@b"@example.org', '"a@b"@example.org'],
    ['Ju\u0308rgen@MÜNCHEN.example', 'jürgen@xn--mnchen-3ya.example'],
    ['jürgen@xn--MNCHEN-3ya.example', 'jürgen@xn--mnchen-3ya.example'],
    ['anna+news@example.org', 'anna+news@example.org'],
    ['用户@例子.example', '用户@xn--fsqu00a.example'],
  ]
  for (const [text, expected] of spellings) assert.equal(key(text), expected, text)
})

test('what is no address is refused', () => {
  const bad = ['', 'anna', '@example.org', 'anna@', 'anna@@example.org', 'a b@example.org', '.a@example.org', 'a.@example.org', 'a..b@example.org', '""@example.org', '"a@example.org', 'a@[192.0.2.1]', 'a@192.0.2.1', 'a@exa mple.org', 'a@ex%41mple.org', 'a@-example.org', 'a@example..org', 'a@exam\nple.org', 'a\u0000@example.org', 'a\u2028@example.org', 'a\u0085@example.org', '\ud800@example.org', `${'a'.repeat(65)}@example.org`, `${'ü'.repeat(33)}@example.org`, `a@${'b'.repeat(64)}.org`, `a@${'b.'.repeat(127)}org`, '<a@example.org>', 'a@xn--\u00fc.org/']
  for (const text of bad) assert.equal(parseAddress(text), undefined, JSON.stringify(text))
})

test('domains are kept in A-labels and shown in U-labels', () => {
  assert.equal(parseDomain('bücher.example'), 'xn--bcher-kva.example')
  assert.equal(showDomain('xn--bcher-kva.example'), 'bücher.example')
  assert.equal(showAddress('anna@xn--bcher-kva.example'), 'anna@bücher.example')
  assert.equal(parseDomain('localhost'), 'localhost')
  assert.equal(parseDomain('_dmarc.example.org'), '_dmarc.example.org')
})

test('a detail begins at the first separator and needs a user before it', () => {
  assert.deepEqual(splitDetail('anna+a+b', '+'), { user: 'anna', detail: 'a+b' })
  assert.deepEqual(splitDetail('anna+', '+'), { user: 'anna', detail: '' })
  assert.equal(splitDetail('+anna', '+'), undefined)
  assert.equal(splitDetail('anna', '+'), undefined)
  assert.equal(splitDetail('anna+x', ''), undefined)
})

test('an address that was understood comes out as text that means the same', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }), fc.domain(), (local, domain) => {
      for (const text of [`${local}@${domain}`, `${JSON.stringify(local)}@${domain}`]) {
        const address = parseAddress(text)
        if (address !== undefined) assert.deepEqual(parseAddress(formatAddress(address)), address)
      }
    }),
  )
})

test('folding twice changes nothing', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }), (local) => {
      const address = parseAddress(`${local}@example.org`)
      if (address !== undefined) assert.deepEqual(foldAddress(foldAddress(address)), foldAddress(address))
    }),
  )
})
