import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parsePath } from '#lib/formats/smtp/path.ts'
import { isSendable } from '#lib/formats/smtp/transfer.ts'
import { isSrsAddress, reverseSender, rewriteSender } from '#lib/formats/srs/address.ts'

const key = { domain: 'forward.example', secret: 'a secret of some length' }
const day = 24 * 3600 * 1000
const now = Date.UTC(2026, 4, 1)
const atom = fc.stringMatching(/^[a-z0-9!#$%&'*+/=?^_{|}~.-]{1,30}$/).filter((local) => !/^\.|\.\.|\.$/.test(local))
const domain = fc.stringMatching(/^[a-z0-9]{1,10}(\.[a-z0-9]{1,8}){1,2}$/).filter((name) => name !== key.domain)

test('A rewritten sender is reversed to itself, whatever its case on the way', () => {
  fc.assert(
    fc.property(atom.filter((local) => !isSrsAddress(local)), domain, fc.boolean(), (local, host, folded) => {
      const rewritten = rewriteSender(`${local}@${host}`, key, now)
      assert.match(rewritten, /^SRS0=.*@forward\.example$/)
      const back = reverseSender(folded ? rewritten.toLowerCase() : rewritten, key, now + 3 * day, 10)
      assert.deepEqual(back, { kind: 'original', address: `${local}@${host}` })
    }),
  )
})

test('A sender forwarded by two others comes back to the first forwarder', () => {
  fc.assert(
    fc.property(atom.filter((local) => !isSrsAddress(local)), domain, (local, host) => {
      const second = { domain: 'second.example', secret: 'two' }
      const third = { domain: 'third.example', secret: 'three' }
      const once = rewriteSender(`${local}@${host}`, key, now)
      const twice = rewriteSender(once, second, now)
      const thrice = rewriteSender(twice, third, now)
      assert.match(twice, /^SRS1=/)
      assert.match(thrice, /^SRS1=.*@third\.example$/)
      assert.deepEqual(reverseSender(thrice, third, now, 10), { kind: 'original', address: once })
      assert.deepEqual(reverseSender(twice, second, now, 10), { kind: 'original', address: once })
    }),
  )
})

test('The null reverse path and our own addresses are not rewritten', () => {
  assert.equal(rewriteSender('', key, now), '')
  assert.equal(rewriteSender('me@Forward.Example', key, now), 'me@Forward.Example')
})

test('An address that is made up, altered or of another secret is forged', () => {
  const right = rewriteSender('a@b.example', key, now)
  for (const wrong of ['SRS0=AAAAAAA=AA=b.example=a@forward.example', right.replace('=a@', '=x@'), right.replace('b.example', 'c.example')]) {
    assert.equal(reverseSender(wrong, key, now, 10).kind, 'forged', wrong)
  }
  assert.equal(reverseSender(right, { ...key, secret: 'other' }, now, 10).kind, 'forged')
  assert.equal(reverseSender('SRS1=AAAAAAA=x.example==HHH=TT=d=l@forward.example', key, now, 10).kind, 'forged')
  assert.equal(reverseSender('bob@forward.example', key, now, 10).kind, 'not-srs')
})

test('An address is believed for as many days as it may be old, and a day of difference between clocks is forgiven', () => {
  const address = rewriteSender('a@b.example', key, now)
  assert.equal(reverseSender(address, key, now + 10 * day, 10).kind, 'original')
  assert.equal(reverseSender(address, key, now + 11 * day, 10).kind, 'expired')
  assert.equal(reverseSender(address, key, now - day, 10).kind, 'original')
  assert.equal(reverseSender(address, key, now - 3 * day, 10).kind, 'expired')
})

test('A rewritten sender is a path that can be sent and comes back, however long or strange the sender\'s local part', () => {
  const longest = `${'l'.repeat(64)}@sender.example`
  for (const sender of [longest, '0100018c5f3e2b7a-8d1c2e3f-4a5b-6c7d-8e9f-0a1b2c3d4e5f-000000@bounces.sender.example', '"a b"@sender.example', '"a\\"b"@sender.example', 'jürgen@sender.example']) {
    const rewritten = rewriteSender(sender, key, now)
    assert.ok(isSendable(rewritten), rewritten)
    const path = parsePath(`<${rewritten}>`)?.path.address ?? ''
    assert.ok(isSrsAddress(path), path)
    assert.deepEqual(reverseSender(path, key, now, 10), { kind: 'original', address: sender })
  }
})

test('A sender whose rewritten address would be longer than a path may be stays as it is', () => {
  const sender = `${'l'.repeat(64)}@${'d'.repeat(60)}.${'d'.repeat(60)}.${'d'.repeat(60)}.example`
  assert.equal(rewriteSender(sender, key, now), sender)
})
